# Sets fdrpc_usdt: whether calls have probes (docs/guide/tracing.md#probes), which need
# sys/sdt.h of SystemTap to build, and nothing to run.
set(FDRPC_USDT AUTO CACHE STRING "Probes for perf and bpftrace: ON, OFF, or AUTO, if there is sys/sdt.h")
set_property(CACHE FDRPC_USDT PROPERTY STRINGS AUTO ON OFF)

if(FDRPC_USDT STREQUAL "AUTO" OR FDRPC_USDT STREQUAL "ON")
  include(CheckIncludeFileCXX)
  check_include_file_cxx(sys/sdt.h FDRPC_HAVE_SDT)
  set(fdrpc_usdt ${FDRPC_HAVE_SDT})
elseif(FDRPC_USDT STREQUAL "OFF")
  set(fdrpc_usdt OFF)
else()
  message(FATAL_ERROR "FDRPC_USDT is \"${FDRPC_USDT}\": it can be ON, OFF or AUTO")
endif()

if(FDRPC_USDT STREQUAL "ON" AND NOT fdrpc_usdt)
  # Once it is installed, it is looked for again.
  unset(FDRPC_HAVE_SDT CACHE)
  message(FATAL_ERROR "FDRPC_USDT is ON, but there is no sys/sdt.h (on Debian: systemtap-sdt-dev)")
elseif(FDRPC_USDT STREQUAL "AUTO" AND NOT fdrpc_usdt)
  unset(FDRPC_HAVE_SDT CACHE)
  message(STATUS "Calls have no probes: there is no sys/sdt.h (on Debian: systemtap-sdt-dev)")
endif()
