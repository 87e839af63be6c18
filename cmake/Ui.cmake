# The web UI: scripts/bundle-ui makes one C file of src/ui, which the module ui embeds.

find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(ui_dir "${PROJECT_BINARY_DIR}/ui")
file(GLOB_RECURSE ui_sources CONFIGURE_DEPENDS
     "${PROJECT_SOURCE_DIR}/src/ui/*.ts" "${PROJECT_SOURCE_DIR}/src/ui/*.tsx"
     "${PROJECT_SOURCE_DIR}/src/ui/*.css" "${PROJECT_SOURCE_DIR}/src/ui/*.html"
     "${PROJECT_SOURCE_DIR}/src/ui/*.svg" "${PROJECT_SOURCE_DIR}/src/ui/packages.txt")
if(NOT IS_DIRECTORY "${PROJECT_SOURCE_DIR}/third_party/ui/node_modules/preact")
    message(FATAL_ERROR "third_party/ui lacks the web UI's packages: run scripts/setup")
endif()
add_custom_command(
    OUTPUT "${ui_dir}/assets.c"
    COMMAND "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/scripts/bundle-ui" "${ui_dir}"
    DEPENDS ${ui_sources} "${PROJECT_SOURCE_DIR}/scripts/bundle-ui"
    COMMENT "Bundling the web UI"
    VERBATIM)
target_sources(pn_ui PRIVATE "${ui_dir}/assets.c")
target_include_directories(pn_ui PRIVATE "${PROJECT_SOURCE_DIR}/src")
