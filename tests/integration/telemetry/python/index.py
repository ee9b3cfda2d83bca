# SPDX-License-Identifier: Apache-2.0
# Says which log format and level it was told of, and logs below the usual level.
import logging
import os


def handler(event, context):
    logging.getLogger().debug("a debug line")
    return [os.environ.get("AWS_LAMBDA_LOG_FORMAT"), os.environ.get("AWS_LAMBDA_LOG_LEVEL")]
