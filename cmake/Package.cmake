# What is installed, and the Debian package of it: `make install`, `make deb`.

include(GNUInstallDirs)

# The manual page and the completions are printed by the program itself.
set(printed_dir "${PROJECT_BINARY_DIR}/printed")
file(MAKE_DIRECTORY "${printed_dir}")
add_custom_command(
    OUTPUT "${printed_dir}/pinion.1" "${printed_dir}/pinion.bash" "${printed_dir}/_pinion"
           "${printed_dir}/pinion.fish"
    COMMAND pinion man > "${printed_dir}/pinion.1"
    COMMAND pinion completion bash > "${printed_dir}/pinion.bash"
    COMMAND pinion completion zsh > "${printed_dir}/_pinion"
    COMMAND pinion completion fish > "${printed_dir}/pinion.fish"
    DEPENDS pinion
    VERBATIM)
add_custom_target(printed DEPENDS "${printed_dir}/pinion.1")

install(TARGETS pinion RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(FILES "${PINION_DUCKDB_LIBRARY}" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pinion")
install(DIRECTORY pipelines DESTINATION "${CMAKE_INSTALL_DATADIR}/pinion")
install(DIRECTORY deploy DESTINATION "${CMAKE_INSTALL_DATADIR}/pinion" PATTERN "*.tfvars" EXCLUDE
        PATTERN ".terraform" EXCLUDE PATTERN "__pycache__" EXCLUDE PATTERN "*.tfstate*" EXCLUDE)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY docs DESTINATION "${CMAKE_INSTALL_DOCDIR}" FILES_MATCHING PATTERN "*.md")
install(FILES "${printed_dir}/pinion.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES "${printed_dir}/pinion.bash" RENAME pinion
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions")
install(FILES "${printed_dir}/_pinion"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions")
install(FILES "${printed_dir}/pinion.fish"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")

# The service's paths are those of a package, so `make install` leaves it out.
if(PINION_PACKAGE)
    install(FILES packaging/pinion.service DESTINATION lib/systemd/system)
    install(FILES packaging/pinion.default DESTINATION /etc/default RENAME pinion)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pinion)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "the pinion authors <pinion@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Data pipeline in one program")
set(CPACK_PACKAGE_DESCRIPTION
    "JSON events arrive over the HTTP interfaces of Kafka REST, Amazon Kinesis and API Gateway, are
kept in a durable log, and become clean Delta Lake tables, in batches and as a stream.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
if(CMAKE_CROSSCOMPILING)
    set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
endif()
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PINION_DUCKDB_DIR}")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
file(WRITE "${PROJECT_BINARY_DIR}/conffiles" "/etc/default/pinion\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${PROJECT_SOURCE_DIR}/packaging/postinst" "${PROJECT_SOURCE_DIR}/packaging/prerm"
    "${PROJECT_SOURCE_DIR}/packaging/postrm" "${PROJECT_BINARY_DIR}/conffiles")
include(CPack)
