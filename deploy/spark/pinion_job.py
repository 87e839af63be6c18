# Databricks notebook source
# A job of pinion's Spark engine: the store has what to do, and gets what came of it.
import sys

if sys.version_info < (3, 10):
    sys.exit(f"Python {sys.version.split()[0]} is too old: Spark 4 needs 3.10 (spark.python)")

from pinion_engine import run

run()
