"""What the platform's first version did with a file: a job of RQ, `csv.DictReader`, one `insert_many`."""

import csv
from datetime import datetime

from pymongo import MongoClient


def trip(row):
    """A row as a document: the fields of `clientbatchingestapp-csv`."""
    pickup_at = datetime.fromisoformat(row["pickup_at"].replace("Z", "+00:00"))
    dropoff_at = datetime.fromisoformat(row["dropoff_at"].replace("Z", "+00:00"))
    duration_s = int((dropoff_at - pickup_at).total_seconds())
    distance_km = float(row["distance_km"])
    return {
        "trip_id": int(row["trip_id"]),
        "vendor": row["vendor"],
        "pickup_at": pickup_at,
        "dropoff_at": dropoff_at,
        "duration_s": duration_s,
        "passengers": int(row["passengers"]),
        "distance_km": distance_km,
        "speed_kmh": distance_km * 3600.0 / duration_s if duration_s else None,
        "pickup": {"lon": float(row["pickup_lon"]), "lat": float(row["pickup_lat"])},
        "dropoff": {"lon": float(row["dropoff_lon"]), "lat": float(row["dropoff_lat"])},
        "rate_code": int(row["rate_code"]),
        "store_and_forward": row["store_and_forward"] == "Y",
        "payment": row["payment"],
        "fare": float(row["fare"]),
        "tip": float(row["tip"]),
        "tolls": float(row["tolls"]),
        "total": float(row["total"]),
        "comment": row["comment"] or None,
    }


def ingest(tenant, path, url):
    """Stores a whole file; answers how many documents it became."""
    with open(path, newline="", encoding="utf-8") as file:
        documents = [trip(row) for row in csv.DictReader(file)]
    client = MongoClient(url)
    stored = client["original_" + tenant]["trips"].insert_many(documents)
    client.close()
    return len(stored.inserted_ids)
