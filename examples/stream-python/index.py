def handler(event, context):
    for name in event["names"]:
        yield f"Hello {name}\n"
