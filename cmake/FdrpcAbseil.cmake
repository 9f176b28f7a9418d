# Include it after find_package(absl) and FdrpcProtobuf. With FDRPC_ABSEIL_ARCHIVES,
# abseil's targets refer to archives, if these are installed beside the shared
# libraries, as in Debian. A shared library costs each process some 10 KiB and 70 µs,
# and a server needs 27 of abseil.
option(FDRPC_ABSEIL_ARCHIVES "Link abseil's archives instead of its shared libraries" OFF)

if(FDRPC_ABSEIL_ARCHIVES)
  get_target_property(type protobuf::libprotobuf TYPE)
  if(type STREQUAL "SHARED_LIBRARY" AND fdrpc_protobuf_release VERSION_GREATER_EQUAL 22)
    message(FATAL_ERROR "FDRPC_ABSEIL_ARCHIVES is ON, but the shared library of Protocol Buffers "
                        "${fdrpc_protobuf_release} needs abseil's shared libraries: programs would "
                        "have abseil twice. Set it to OFF, or use a static Protocol Buffers.")
  endif()
  get_directory_property(targets IMPORTED_TARGETS)
  list(FILTER targets INCLUDE REGEX "^absl::")
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL "SHARED_LIBRARY")
      continue()
    endif()
    get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
    foreach(configuration IN LISTS configurations)
      get_target_property(library ${target} IMPORTED_LOCATION_${configuration})
      string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${library}")
      if(EXISTS "${archive}")
        set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_${configuration} "${archive}")
      endif()
    endforeach()
  endforeach()
endif()
