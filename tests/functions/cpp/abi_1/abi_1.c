/* SPDX-License-Identifier: Apache-2.0 */
/* A function of the first kiln: answers with its event, or fails where that is empty. The header beside it stays as it was. */
#include <kiln/function.h>

KILN_EXPORT void handler(const kiln_context* context, kiln_text event, kiln_result* result) {
  const kiln_text type = {"Abi.One", 7};
  if (event.size > 0) {
    result->respond(result, event, context->event_content_type);
  } else {
    result->fail(result, type, context->request_id);
  }
}
