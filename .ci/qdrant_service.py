#!/usr/bin/env python3
"""A Qdrant service for tests: Qdrant's own storage engine behind Qdrant's own gRPC interface.

No registry holds the server's binary. `qdrant-edge-py` is the server's engine (segments, sparse index, write-ahead log) as a library,
and `qdrant-client` has the stubs of its gRPC interface; this file joins the two for as much of the interface as the retriever uses.

    qdrant_service.py PORT DIRECTORY
"""

import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc as rpc
import qdrant_edge as edge
from qdrant_client import grpc

VECTOR = "terms"


class Collections(grpc.CollectionsServicer):
    """Collections, each a shard in a directory of its name."""

    def __init__(self, directory):
        self.directory = directory
        self.open = {}
        self.lock = threading.RLock()

    def shard(self, name, context):
        """The shard of a collection, and what it was created with."""
        with self.lock:
            if name not in self.open:
                context.abort(rpc.StatusCode.NOT_FOUND, f"Not found: Collection `{name}` doesn't exist!")
            return self.open[name][0]

    def CollectionExists(self, request, context):
        with self.lock:
            exists = request.collection_name in self.open
        return grpc.CollectionExistsResponse(result=grpc.CollectionExists(exists=exists))

    def Create(self, request, context):
        name = request.collection_name
        with self.lock:
            if name in self.open:
                context.abort(rpc.StatusCode.ALREADY_EXISTS, f"Wrong input: Collection `{name}` already exists!")
            sparse = {key: edge.EdgeSparseVectorParams() for key in request.sparse_vectors_config.map}
            shard = edge.EdgeShard.create(str(self.directory / name), edge.EdgeConfig(sparse_vectors=sparse))
            self.open[name] = (shard, request)
        return grpc.CollectionOperationResponse(result=True)

    def Get(self, request, context):
        self.shard(request.collection_name, context)
        asked = self.open[request.collection_name][1]
        info = grpc.CollectionInfo(status=1)
        info.config.params.sparse_vectors_config.CopyFrom(asked.sparse_vectors_config)
        for key, value in asked.metadata.items():
            info.config.metadata[key].CopyFrom(value)
        return grpc.GetCollectionInfoResponse(result=info)


class Points(grpc.PointsServicer):
    """The points of collections."""

    def __init__(self, collections):
        self.collections = collections
        self.lock = collections.lock

    def Upsert(self, request, context):
        shard = self.collections.shard(request.collection_name, context)
        with self.lock:
            shard.update(edge.UpdateOperation.upsert_points([point(each) for each in request.points]))
        return completed()

    def Delete(self, request, context):
        shard = self.collections.shard(request.collection_name, context)
        with self.lock:
            shard.update(edge.UpdateOperation.delete_points([each.uuid for each in request.points.points.ids]))
        return completed()

    def QueryBatch(self, request, context):
        shard = self.collections.shard(request.collection_name, context)
        with self.lock:
            return grpc.QueryBatchResponse(result=[search(shard, query) for query in request.query_points])


class Health(grpc.QdrantServicer):
    """Whether the service is there."""

    def HealthCheck(self, request, context):
        return grpc.HealthCheckReply(title="qdrant - vector search engine", version="1.16.0")


def completed():
    return grpc.PointsOperationResponse(result=grpc.UpdateResult(status=grpc.UpdateStatus.Completed))


def sparse(vector):
    """A sparse vector, in whichever of its forms the message has."""
    if vector.HasField("sparse"):
        return edge.SparseVector(list(vector.sparse.indices), list(vector.sparse.values))
    return edge.SparseVector(list(vector.indices.data), list(vector.data))


def point(message):
    vectors = {name: sparse(vector) for name, vector in message.vectors.vectors.vectors.items()}
    payload = {key: value.string_value for key, value in message.payload.items()}
    return edge.Point(message.id.uuid, vectors, payload)


def search(shard, message):
    asked = edge.Query.Nearest(sparse(message.query.nearest), using=message.using)
    found = shard.query(edge.QueryRequest(limit=message.limit, query=asked, with_payload=True))
    return grpc.BatchResult(result=[scored(each) for each in found])


def scored(found):
    message = grpc.ScoredPoint(id=grpc.PointId(uuid=str(found.id)), score=found.score, version=found.version)
    for key, value in (found.payload or {}).items():
        message.payload[key].string_value = value
    return message


def main():
    port, directory = int(sys.argv[1]), Path(sys.argv[2])
    collections = Collections(directory)
    server = rpc.server(futures.ThreadPoolExecutor(max_workers=8), options=[("grpc.max_receive_message_length", 1 << 28)])
    grpc.add_CollectionsServicer_to_server(collections, server)
    grpc.add_PointsServicer_to_server(Points(collections), server)
    grpc.add_QdrantServicer_to_server(Health(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
