# SPDX-License-Identifier: Apache-2.0
import numpy


def handler(event, context):
    return f"Hello Serverless {int(numpy.arange(9).sum())}"
