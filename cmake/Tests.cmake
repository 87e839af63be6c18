# Unit tests and fuzz targets, both found by glob.
#
# test/unit/<module>/test_<file>.c   one cmocka program, the ctest `unit/<module>/<file>`
# test/fuzz/fuzz_<name>.c            one LLVMFuzzerTestOneInput: under the fuzz preset a libFuzzer
#                                    program, elsewhere (and in ctest, as `fuzz/<name>`) linked with
#                                    replay.c, which feeds it test/fuzz/corpus/<name>/* and
#                                    mutations of these

if(PINION_TESTS)
    pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
    file(GLOB_RECURSE unit_sources CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/test/unit"
         "${PROJECT_SOURCE_DIR}/test/unit/*/test_*.c")
    file(GLOB_RECURSE unit_support CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/test/unit/support/*.c")
    if(unit_support)
        add_library(test_support OBJECT ${unit_support})
        target_link_libraries(test_support PRIVATE pinion_flags pinion_libraries PkgConfig::cmocka)
        target_include_directories(test_support PRIVATE "${PROJECT_SOURCE_DIR}/test/unit")
        target_compile_definitions(test_support PRIVATE PINION_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
        set(unit_support_objects $<TARGET_OBJECTS:test_support>)
    endif()
    foreach(source IN LISTS unit_sources)
        string(REGEX REPLACE "^(.*)/test_([^/]*)\\.c$" "\\1/\\2" name "${source}")
        string(REGEX MATCH "^[^/]+" module "${source}")
        string(REPLACE "/" "_" target "test_${name}")
        add_executable(${target} "test/unit/${source}" ${unit_support_objects})
        target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/test/unit")
        target_compile_definitions(${target} PRIVATE PINION_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
        if(module STREQUAL "query") # its workers are processes of the program
            target_compile_definitions(${target} PRIVATE PINION_PROGRAM="$<TARGET_FILE:pinion>")
            add_dependencies(${target} pinion)
        endif()
        target_link_libraries(${target} PRIVATE pinion_core PkgConfig::cmocka)
        add_test(NAME "unit/${name}" COMMAND ${target}
                 WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
        set_tests_properties("unit/${name}" PROPERTIES LABELS "unit;${module}" TIMEOUT 900)
    endforeach()
endif()

file(GLOB fuzz_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/test/fuzz/fuzz_*.c")
foreach(source IN LISTS fuzz_sources)
    string(REGEX REPLACE "^.*/fuzz_([^/]*)\\.c$" "\\1" name "${source}")
    set(target "fuzz_${name}")
    if(PINION_FUZZ)
        add_executable(${target} "${source}")
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(${target} "${source}" test/fuzz/replay.c)
        add_test(NAME "fuzz/${name}"
                 COMMAND ${target} "${PROJECT_SOURCE_DIR}/test/fuzz/corpus/${name}")
        set_tests_properties("fuzz/${name}" PROPERTIES LABELS fuzz TIMEOUT 300)
    endif()
    target_link_libraries(${target} PRIVATE pinion_core)
endforeach()

if(PINION_TESTS)
    add_test(NAME style COMMAND "${PROJECT_SOURCE_DIR}/scripts/style")
    set_tests_properties(style PROPERTIES LABELS style)
endif()
