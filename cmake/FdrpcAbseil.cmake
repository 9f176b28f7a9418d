# Behind find_package(absl): with FDRPC_ABSEIL_ARCHIVES its targets stand for
# archives, where these are installed beside the shared libraries, as Debian has
# them. A shared library costs each process some 10 KiB and 70 µs, and abseil has
# 27 for a server.
option(FDRPC_ABSEIL_ARCHIVES "Link abseil's archives instead of its shared libraries" OFF)

if(FDRPC_ABSEIL_ARCHIVES)
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
