# How every file of the project is compiled: the interface library `pinion_flags`.

set(warnings
    -Wall -Wextra -Wpedantic $<$<BOOL:${PINION_WERROR}>:-Werror>
    -Wconversion -Wno-sign-conversion -Wshadow -Wundef -Wvla -Wformat=2 -Wpointer-arith
    -Wwrite-strings -Wimplicit-fallthrough)
set(warnings_c -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition)

add_library(pinion_flags INTERFACE)
target_include_directories(pinion_flags INTERFACE "${PROJECT_SOURCE_DIR}/src")
target_compile_options(pinion_flags INTERFACE
    ${warnings}
    "$<$<COMPILE_LANGUAGE:C>:${warnings_c}>"
    "$<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions;-fno-rtti>"
    -fno-omit-frame-pointer
    -fstack-protector-strong)
target_compile_definitions(pinion_flags INTERFACE
    _GNU_SOURCE
    _FILE_OFFSET_BITS=64
    PINION_VERSION="${PROJECT_VERSION}"
    PINION_PIPELINE_DEFAULT="pinterest")

# glibc's checks of buffer sizes need an optimised build, and hide overflows from ASan.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(pinion_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
target_link_options(pinion_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)

# simdjson's own assertions; ours (PN_ASSERT) stay on in every build.
target_compile_definitions(pinion_flags INTERFACE
    "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:NDEBUG>")

if(PINION_SANITIZE)
    target_compile_options(pinion_flags INTERFACE
        -fsanitize=${PINION_SANITIZE} -fno-sanitize-recover=all -O1 -g)
    target_link_options(pinion_flags INTERFACE -fsanitize=${PINION_SANITIZE})
endif()
if(PINION_COVERAGE)
    # Counters are atomic, or threads would lose each other's counts.
    target_compile_options(pinion_flags INTERFACE --coverage -fprofile-update=atomic -Og)
    target_link_options(pinion_flags INTERFACE --coverage)
endif()
if(PINION_FUZZ)
    target_compile_options(pinion_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
