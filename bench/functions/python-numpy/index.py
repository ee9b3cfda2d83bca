# SPDX-License-Identifier: Apache-2.0
"""An import that takes long."""

import numpy


def handler(event, context):
    return int(numpy.arange(3).sum())
