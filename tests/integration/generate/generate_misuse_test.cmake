# cmake -DFDRPC_SOURCE_DIR=<dir> -P generate_misuse_test.cmake
#
# fdrpc_generate() says in clear words what is wrong with a call of it. Each case
# is configured as a project of its own that has no compiler and no Protocol
# Buffers: the arguments are checked before either is needed.
cmake_minimum_required(VERSION 3.25)

set(work $ENV{TMPDIR})
if(NOT work)
  set(work /tmp)
endif()
string(RANDOM LENGTH 12 suffix)
set(work ${work}/fdrpc-generate-misuse-${suffix})

# Expects that `call` fails with a message that matches `words`.
function(refused name words call)
  set(source ${work}/${name})
  file(MAKE_DIRECTORY ${source}/proto ${source}/other)
  file(WRITE ${source}/proto/a.proto "syntax = \"proto3\";")
  file(WRITE ${source}/other/b.proto "syntax = \"proto3\";")
  file(WRITE ${source}/CMakeLists.txt "
    cmake_minimum_required(VERSION 3.25)
    project(misuse LANGUAGES NONE)
    include(${FDRPC_SOURCE_DIR}/cmake/FdrpcGenerate.cmake)
    add_library(sources STATIC)
    add_library(headers INTERFACE)
    add_library(alias ALIAS sources)
    add_library(imported STATIC IMPORTED)
    ${call}")
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${source} -B ${source}/build
                  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  # CMake wraps what it prints.
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  if(result EQUAL 0)
    message(SEND_ERROR "${name}: not refused")
  elseif(NOT output MATCHES "${words}")
    message(SEND_ERROR "${name}: refused with other words: ${output}")
  endif()
endfunction()

refused(no_target "fdrpc_generate: TARGET is missing"
        "fdrpc_generate(PROTOS a.proto)")
refused(no_protos "fdrpc_generate: PROTOS is missing"
        "fdrpc_generate(TARGET sources)")
refused(nothing_follows "fdrpc_generate: nothing follows PROTOS"
        "fdrpc_generate(TARGET sources PROTOS)")
refused(unknown_argument "fdrpc_generate: unknown argument: SOURCES a.proto"
        "fdrpc_generate(SOURCES a.proto TARGET sources)")
refused(mocks_has_no_value "fdrpc_generate: unknown argument: a.proto"
        "fdrpc_generate(TARGET sources PROTOS proto/a.proto MOCKS a.proto)")
refused(unknown_target "there is no target nobody yet"
        "fdrpc_generate(TARGET nobody PROTOS proto/a.proto)")
foreach(target headers alias imported)
  refused(target_${target} "target ${target} compiles no sources of its own"
          "fdrpc_generate(TARGET ${target} PROTOS proto/a.proto)")
endforeach()
refused(missing_proto "there is no c.proto in the import directories"
        "fdrpc_generate(TARGET sources PROTOS c.proto IMPORT_DIRS proto)")
refused(not_a_proto "CMakeLists.txt is not a .proto file"
        "fdrpc_generate(TARGET sources PROTOS CMakeLists.txt)")
refused(outside "other/b.proto is outside of the import directories"
        "fdrpc_generate(TARGET sources PROTOS other/b.proto IMPORT_DIRS proto)")
refused(outside_absolute "other/b.proto is outside of the import directories"
        "fdrpc_generate(TARGET sources PROTOS \${CMAKE_SOURCE_DIR}/other/b.proto IMPORT_DIRS proto)")
refused(missing_import_dir "there is no directory [^ ]*/nowhere"
        "fdrpc_generate(TARGET sources PROTOS a.proto IMPORT_DIRS nowhere)")

file(REMOVE_RECURSE ${work})
