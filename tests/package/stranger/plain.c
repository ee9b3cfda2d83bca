/* SPDX-License-Identifier: Apache-2.0 */
#include <kiln/function.h>

KILN_EXPORT void handler(const kiln_context* context, kiln_text event, kiln_result* result) {
  const kiln_text none = {NULL, 0};
  (void)event;
  result->respond(result, context->request_id, none);
}
