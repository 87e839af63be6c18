# What `pinion version` says of the build. The compiler and the flags are known when the build is
# configured; the commit is asked for at each build, by this file run as a script. Only main.c
# includes the header with the commit, so a commit makes the program be linked again, and no test.
# Nothing here depends on the time or on the machine's name: equal sources make equal bytes.

if(CMAKE_SCRIPT_MODE_FILE)
    # -DGIT=... -DSOURCE=... -DCOMMIT=... -DOUT=...: the header is written when it changes. A script
    # does not have the policies of the project.
    cmake_minimum_required(VERSION 3.25)
    set(modified 0)
    if(COMMIT STREQUAL "" AND GIT)
        set(git "${GIT}" -c safe.directory=* -C "${SOURCE}")
        execute_process(COMMAND ${git} rev-parse --show-cdup
                        OUTPUT_VARIABLE above RESULT_VARIABLE status ERROR_QUIET
                        OUTPUT_STRIP_TRAILING_WHITESPACE)
        if(status EQUAL 0 AND above STREQUAL "") # not a repository that merely holds the sources
            execute_process(COMMAND ${git} rev-parse HEAD OUTPUT_VARIABLE COMMIT ERROR_QUIET
                            OUTPUT_STRIP_TRAILING_WHITESPACE)
            execute_process(COMMAND ${git} --no-optional-locks status --porcelain
                                    --untracked-files=no
                            OUTPUT_VARIABLE changes ERROR_QUIET)
            if(NOT changes STREQUAL "")
                set(modified 1)
            endif()
        endif()
    endif()
    file(CONFIGURE OUTPUT "${OUT}" @ONLY CONTENT
"#define PINION_COMMIT \"@COMMIT@\"
#define PINION_MODIFIED @modified@
")
    return()
endif()

set(PINION_COMMIT "" CACHE STRING "The commit, for sources without a git repository")
find_package(Git QUIET)
set(build_info_dir "${PROJECT_BINARY_DIR}/build_info")
add_custom_target(build_info
    COMMAND "${CMAKE_COMMAND}" "-DGIT=${GIT_EXECUTABLE}" "-DSOURCE=${PROJECT_SOURCE_DIR}"
            "-DCOMMIT=${PINION_COMMIT}" "-DOUT=${build_info_dir}/build_commit.h"
            -P "${CMAKE_CURRENT_LIST_FILE}"
    BYPRODUCTS "${build_info_dir}/build_commit.h"
    VERBATIM)
add_dependencies(pinion build_info)
target_include_directories(pinion PRIVATE "${build_info_dir}")

set(compiler "${CMAKE_C_COMPILER_ID}")
if(compiler STREQUAL "GNU")
    set(compiler GCC)
endif()
set(sanitizers "${PINION_SANITIZE}")
if(PINION_FUZZ)
    set(sanitizers "fuzzer,${sanitizers}")
endif()
# For this file alone: a definition for all would compile everything again.
set_property(SOURCE "${PROJECT_SOURCE_DIR}/src/report/build.c" APPEND PROPERTY COMPILE_DEFINITIONS
    "PINION_COMPILER=\"${compiler} ${CMAKE_C_COMPILER_VERSION}\""
    "PINION_BUILD_TYPE=\"${CMAKE_BUILD_TYPE}\""
    "PINION_SANITIZERS=\"${sanitizers}\""
    "PINION_TARGET=\"${CMAKE_SYSTEM_PROCESSOR}\""
    "PINION_COUNTS=$<BOOL:${PINION_COVERAGE}>")
