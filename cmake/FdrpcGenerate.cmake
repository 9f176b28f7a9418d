# fdrpc_generate(TARGET <target> PROTOS <a.proto>... [IMPORT_DIRS <dir>...] [MOCKS]
#                [REFLECTION] [EXPORT_MACRO <macro>])
#
# Generates C++ from .proto files and compiles it into <target>, an existing
# library or executable:
#
#   add_library(filebroker_proto)
#   fdrpc_generate(TARGET filebroker_proto PROTOS filebroker.proto)
#
# For each a.proto the target gets a.pb.{h,cc} (messages) and a.fdrpc.{h,cc}
# (stubs, services, parcels). Targets that link it can include them by the path that
# .proto files import: x/a.proto is "x/a.fdrpc.h".
#
# With MOCKS there is also a.mock.fdrpc.h, with a GoogleMock class for each
# service. The target itself does not need GoogleMock, only code that includes that
# header.
#
# With REFLECTION the services have their .proto files with them, so that reflection
# shows them with their comments, and also those of the lite runtime. It costs about
# the size of the .proto files in the program.
#
# EXPORT_MACRO is for a shared library that hides its symbols (the property
# CXX_VISIBILITY_PRESET): generated classes are marked with that macro, which is
# defined for the target and for those that link it, so that the classes can be used
# from outside of the library.
#
# Imports are looked up in IMPORT_DIRS, in this order; relative ones are relative to
# the calling CMakeLists.txt, whose directory is the default. fdrpc's own .proto files
# and those of Protocol Buffers are always found. PROTOS are named as in an import;
# each belongs to the first import directory that contains it. A path to a file below
# an import directory also works.
#
# The code is generated again when a .proto, anything that it imports, or the
# generator changes.

# A function runs with the policies of the place where it is defined, not with the
# caller's. (0116: paths in dependency files; 0118: a generated source is known as such
# in every directory.)
cmake_policy(PUSH)
cmake_policy(VERSION 3.20...3.25)

function(fdrpc_generate)
  cmake_parse_arguments(PARSE_ARGV 0 arg "MOCKS;REFLECTION" "TARGET;EXPORT_MACRO" "PROTOS;IMPORT_DIRS")
  if(arg_UNPARSED_ARGUMENTS)
    list(JOIN arg_UNPARSED_ARGUMENTS " " arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "fdrpc_generate: unknown argument: ${arg_UNPARSED_ARGUMENTS}\n"
                        "It takes TARGET <target> PROTOS <file>... [IMPORT_DIRS <dir>...] [MOCKS] "
                        "[REFLECTION] [EXPORT_MACRO <macro>]")
  endif()
  if(arg_KEYWORDS_MISSING_VALUES)
    list(JOIN arg_KEYWORDS_MISSING_VALUES " and " arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "fdrpc_generate: nothing follows ${arg_KEYWORDS_MISSING_VALUES}")
  endif()
  foreach(keyword TARGET PROTOS)
    if(NOT arg_${keyword})
      message(FATAL_ERROR "fdrpc_generate: ${keyword} is missing")
    endif()
  endforeach()
  if(NOT arg_IMPORT_DIRS)
    set(arg_IMPORT_DIRS ${CMAKE_CURRENT_SOURCE_DIR})
  endif()

  set(kind FDRPC)
  if(arg_MOCKS)
    set(kind MOCKS)
  endif()
  if(arg_EXPORT_MACRO AND NOT arg_EXPORT_MACRO MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
    message(FATAL_ERROR "fdrpc_generate: EXPORT_MACRO: \"${arg_EXPORT_MACRO}\" is not the name "
                        "of a macro")
  endif()
  _fdrpc_generate_sources(${arg_TARGET} ${kind} "${arg_PROTOS}" "${arg_IMPORT_DIRS}"
                          "${arg_EXPORT_MACRO}" "${arg_REFLECTION}")
  if(arg_EXPORT_MACRO)
    target_compile_definitions(
      ${arg_TARGET} PUBLIC "${arg_EXPORT_MACRO}=__attribute__((visibility(\"default\")))")
  endif()
  target_link_libraries(${arg_TARGET} PUBLIC fdrpc::call fdrpc::fd fdrpc::options
                                             protobuf::libprotobuf)
endfunction()

# The same without libraries. `kind` is FDRPC, MOCKS or MESSAGES; the last one, without
# fdrpc's generator, is for fdrpc's own .proto files.
function(_fdrpc_generate_sources target kind protos import_dirs export_macro reflection)
  _fdrpc_check_target(${target})
  get_property(fdrpc_proto_dir GLOBAL PROPERTY FDRPC_PROTO_DIR)
  set(roots "")
  foreach(dir IN LISTS import_dirs)
    cmake_path(ABSOLUTE_PATH dir NORMALIZE)
    if(NOT IS_DIRECTORY ${dir})
      message(FATAL_ERROR "fdrpc_generate: IMPORT_DIRS: there is no directory ${dir}")
    endif()
    list(APPEND roots ${dir})
  endforeach()
  set(includes ${roots})
  list(APPEND includes ${fdrpc_proto_dir})
  list(REMOVE_DUPLICATES includes)
  list(TRANSFORM includes PREPEND "-I")

  # One directory for each target: two targets of one CMakeLists.txt may generate
  # the same file, and neither sees what it does not link.
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${target}_generated)
  # Where protoc looks for its own .proto files depends on its installation; they are
  # always beside the headers.
  set(protobuf_dirs
      "$<TARGET_PROPERTY:protobuf::libprotobuf,INTERFACE_INCLUDE_DIRECTORIES>")

  set(generators --cpp_out=${out})
  if(export_macro)
    list(APPEND generators --cpp_opt=dllexport_decl=${export_macro})
  endif()
  set(depends protobuf::protoc)
  set(suffixes pb)
  if(NOT kind STREQUAL "MESSAGES")
    list(APPEND generators --fdrpc_out=${out}
         "--plugin=protoc-gen-fdrpc=$<TARGET_FILE:fdrpc::protoc-gen-fdrpc>")
    list(APPEND depends fdrpc::protoc-gen-fdrpc)
    list(APPEND suffixes fdrpc)
    if(export_macro)
      list(APPEND generators --fdrpc_opt=dllexport_decl=${export_macro})
    endif()
  endif()
  if(kind STREQUAL "MOCKS")
    list(APPEND generators --fdrpc_opt=mocks)
  endif()
  if(reflection)
    list(APPEND generators --fdrpc_opt=reflection)
  endif()

  set(all_outputs "")
  foreach(proto IN LISTS protos)
    _fdrpc_locate_proto(root name ${proto} "${roots}")
    cmake_path(REMOVE_EXTENSION name LAST_ONLY OUTPUT_VARIABLE stem)
    set(outputs "")
    foreach(suffix IN LISTS suffixes)
      list(APPEND outputs ${out}/${stem}.${suffix}.h ${out}/${stem}.${suffix}.cc)
    endforeach()
    if(kind STREQUAL "MOCKS")
      list(APPEND outputs ${out}/${stem}.mock.fdrpc.h)
    endif()
    list(GET outputs 0 first_output)
    # One run for each file: protoc writes a dependency file for one input only.
    # It runs in the output directory, which has no .proto files, so that `name` can
    # only mean the import.
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND protobuf::protoc ${generators} --dependency_out=${out}/${stem}.d ${includes}
              "$<$<BOOL:${protobuf_dirs}>:-I$<JOIN:${protobuf_dirs},;-I>>" ${name}
      COMMAND ${CMAKE_COMMAND} -DDEPFILE=${out}/${stem}.d -DOUTPUT=${first_output}
              -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/FdrpcDepfile.cmake
      DEPENDS ${root}/${name} ${depends}
      DEPFILE ${out}/${stem}.d
      WORKING_DIRECTORY ${out}
      COMMENT "Generating C++ from ${name}"
      COMMAND_EXPAND_LISTS VERBATIM)
    cmake_path(GET stem PARENT_PATH folder)
    file(MAKE_DIRECTORY ${out}/${folder})
    # protoc's own output may cause warnings.
    set_source_files_properties(
      ${out}/${stem}.pb.cc TARGET_DIRECTORY ${target}
      PROPERTIES COMPILE_OPTIONS -w SKIP_UNITY_BUILD_INCLUSION ON)
    list(APPEND all_outputs ${outputs})
  endforeach()

  # Through a separate target, since `target` may belong to another directory, whose
  # rules do not see these.
  set(generation ${target}_generation)
  set(count 1)
  while(TARGET ${generation})
    math(EXPR count "${count} + 1")
    set(generation ${target}_generation_${count})
  endwhile()
  add_custom_target(${generation} DEPENDS ${all_outputs})
  add_dependencies(${target} ${generation})
  target_sources(${target} PRIVATE ${all_outputs})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${out}>)
endfunction()

function(_fdrpc_check_target target)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "fdrpc_generate: there is no target ${target} yet: "
                        "add_library(${target}) or add_executable() comes first")
  endif()
  get_target_property(type ${target} TYPE)
  get_target_property(imported ${target} IMPORTED)
  get_target_property(aliased ${target} ALIASED_TARGET)
  if(imported OR aliased OR type STREQUAL "INTERFACE_LIBRARY" OR type STREQUAL "UTILITY")
    message(FATAL_ERROR "fdrpc_generate: target ${target} compiles no sources of its own "
                        "(it is an imported, alias, interface or custom target)")
  endif()
endfunction()

# Sets `root_var` to the first of `roots` that contains `proto`, and `name_var`
# to its path from there.
function(_fdrpc_locate_proto root_var name_var proto roots)
  if(NOT proto MATCHES "\\.proto$")
    message(FATAL_ERROR "fdrpc_generate: PROTOS: ${proto} is not a .proto file")
  endif()
  foreach(root IN LISTS roots)
    cmake_path(ABSOLUTE_PATH proto BASE_DIRECTORY ${root} NORMALIZE OUTPUT_VARIABLE file)
    cmake_path(IS_PREFIX root ${file} NORMALIZE below)
    if(below AND EXISTS ${file})
      cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${root} OUTPUT_VARIABLE name)
      set(${root_var} ${root} PARENT_SCOPE)
      set(${name_var} ${name} PARENT_SCOPE)
      return()
    endif()
  endforeach()

  # Not named as in an import; perhaps as a file.
  cmake_path(ABSOLUTE_PATH proto BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE
             OUTPUT_VARIABLE file)
  list(JOIN roots "\n  " listed)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "fdrpc_generate: PROTOS: there is no ${proto} in the import "
                        "directories:\n  ${listed}")
  endif()
  foreach(root IN LISTS roots)
    cmake_path(IS_PREFIX root ${file} NORMALIZE below)
    if(below)
      cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${root} OUTPUT_VARIABLE name)
      set(${root_var} ${root} PARENT_SCOPE)
      set(${name_var} ${name} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "fdrpc_generate: PROTOS: ${file} is outside of the import "
                      "directories; name one that contains it in IMPORT_DIRS:\n  ${listed}")
endfunction()

cmake_policy(POP)
