"""consume.py <amqp://…> <queue> <prefetch> <mongodb://…> <count>: what the platform's first version did with a message.

A callback of `pika` for each: the JSON becomes a document as it is, one `insert_one`, one acknowledgement. The last line is what was
done: documents, and the CPU seconds of this process from its first message to its last.
"""

import json
import sys
import time

import pika
from pymongo import MongoClient, WriteConcern


def consume(amqp_url, queue, prefetch, mongo_url, count):
    client = MongoClient(mongo_url)
    concern = WriteConcern(w="majority", j=True, wtimeout=30_000)
    trips = client["python"].get_collection("trips", write_concern=concern)
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=prefetch)
    left = count

    def on_message(channel, method, properties, body):
        nonlocal left
        trips.insert_one(json.loads(body))
        channel.basic_ack(method.delivery_tag)
        left -= 1
        if left == 0:
            channel.stop_consuming()

    channel.basic_consume(queue, on_message)
    before = time.process_time()
    channel.start_consuming()
    cpu = time.process_time() - before
    connection.close()
    client.close()
    return {"documents": count, "cpu_seconds": cpu}


if __name__ == "__main__":
    print(json.dumps(consume(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))))
