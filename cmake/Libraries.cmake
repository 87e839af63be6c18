# The libraries that pinion stands on, as the interface library `pinion_libraries`. All are Debian
# packages found by pkg-config, except libduckdb, which scripts/setup puts in third_party/duckdb.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(pinion_libraries INTERFACE)

# First in the order of linking: the dynamic linker looks up its tens of thousands of symbols in the
# libraries one after the other, which takes 5 of 25 ms from the start of a command when it is last.
set(PINION_DUCKDB_DIR "${PROJECT_SOURCE_DIR}/third_party/duckdb" CACHE PATH
    "The folder of libduckdb.so and duckdb.h")
set(PINION_DUCKDB_LIBRARY "${PINION_DUCKDB_DIR}/libduckdb.so")
if(NOT EXISTS "${PINION_DUCKDB_LIBRARY}" OR NOT EXISTS "${PINION_DUCKDB_DIR}/duckdb.h")
    message(FATAL_ERROR "${PINION_DUCKDB_DIR} lacks libduckdb: run scripts/setup, which fetches it")
endif()
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
    IMPORTED_LOCATION "${PINION_DUCKDB_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${PINION_DUCKDB_DIR}")
target_link_libraries(pinion_libraries INTERFACE duckdb)

target_link_libraries(pinion_libraries INTERFACE Threads::Threads m)

foreach(name libmicrohttpd gnutls libcurl sqlite3 libfyaml libcrypto simdjson libzstd liblz4 libisal
             libmariadb libcbor expat rdkafka)
    pkg_check_modules(${name} IMPORTED_TARGET ${name})
    if(NOT ${name}_FOUND)
        message(FATAL_ERROR "${name} is missing: run scripts/setup, which installs what is needed")
    endif()
    target_link_libraries(pinion_libraries INTERFACE PkgConfig::${name})
endforeach()

# Debian's package of CRoaring has no file for pkg-config.
find_path(PINION_ROARING_INCLUDE roaring/roaring.h)
find_library(PINION_ROARING_LIBRARY roaring)
if(NOT PINION_ROARING_INCLUDE OR NOT PINION_ROARING_LIBRARY)
    message(FATAL_ERROR "CRoaring is missing: run scripts/setup, which installs what is needed")
endif()
target_link_libraries(pinion_libraries INTERFACE "${PINION_ROARING_LIBRARY}")
