# Run by ctest: cmake -DKILN_BUILD=… -DWORK=… -DSTRANGER=… -P build_stranger.cmake
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT status EQUAL 0)
    list(JOIN ARGV " " line)
    message(FATAL_ERROR "failed (${status}): ${line}\n${out}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
# Only what a function's author needs: the whole of kiln need not be built for this test.
foreach(component function kiln_runtime_cpp)
  run(${CMAKE_COMMAND} --install ${KILN_BUILD} --prefix ${WORK}/prefix --component ${component})
endforeach()
foreach(prefix ${WORK}/prefix ${KILN_BUILD})
  string(SHA1 name ${prefix})
  set(build ${WORK}/${name})
  run(${CMAKE_COMMAND} -S ${STRANGER} -B ${build} -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_C_COMPILER=${CC})
  run(${CMAKE_COMMAND} --build ${build})
  run(${PYTHON} ${CHECK} ${build} ${prefix})
endforeach()
