#!/usr/bin/env python3
"""Writes golden_batches.h: record batches as an independent implementation makes them.

Needs kafka-python with lz4 and zstandard; run it by hand when a case is added:

    python3 test/unit/log/golden_batches.py > test/unit/log/golden_batches.h

The cases are repeated in test_record_batch.c. Uncompressed batches must be equal byte for byte;
compressed ones must decode to the same records, as compressors may differ.
"""

from kafka.record.default_records import DefaultRecordBatchBuilder

NONE, LZ4, ZSTD = 0, 3, 4

BIG = bytes((i * 31 + i // 7) % 251 for i in range(300))
TEXT = b"the same words again and again, " * 40

CASES = {
    "one": (NONE, 0, [(1_700_000_000_000, None, b"v", [])]),
    "kinds": (
        NONE,
        42,
        [
            (1_700_000_000_000, b"key", b"value", []),
            (1_700_000_000_007, None, b"", []),
            (1_699_999_999_000, b"", None, []),
            (1_700_000_086_400, b"k", BIG, [("h", b"x"), ("empty", b""), ("null", None)]),
            (1_700_000_000_000, None, None, [("trace", BIG)]),
        ],
    ),
    "late": (
        NONE,
        4_611_686_018_427_387_904,
        [(0, None, b"a", []), (9_999_999_999_999, None, b"b", [])],
    ),
    "many": (NONE, 7, [(1000 + i, b"%d" % i, b"%d" % (i * i), []) for i in range(200)]),
    "lz4": (LZ4, 3, [(1000 + i, b"k", TEXT, []) for i in range(5)]),
    "zstd": (ZSTD, 3, [(1000 + i, b"k", TEXT, []) for i in range(5)]),
}


def batch(compression, base_offset, records):
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=compression, is_transactional=False, producer_id=-1,
        producer_epoch=-1, base_sequence=-1, batch_size=1 << 20)
    for i, (timestamp, key, value, headers) in enumerate(records):
        assert builder.append(i, timestamp, key, value, headers) is not None
    data = bytearray(builder.build())
    data[0:8] = base_offset.to_bytes(8, "big")  # a broker does this; it is not under the CRC
    data[12:16] = bytes(4)  # and so is the leader's epoch, which kafka-python leaves at -1
    return bytes(data)


def main():
    print("/* Made by golden_batches.py; not edited by hand. */")
    print("#ifndef PN_TEST_LOG_GOLDEN_BATCHES_H")
    print("#define PN_TEST_LOG_GOLDEN_BATCHES_H")
    print("\n#include <stdint.h>")
    for name, case in CASES.items():
        data = batch(*case)
        print(f"\nstatic const uint8_t golden_{name}[{len(data)}] = {{")
        for at in range(0, len(data), 16):
            print("    " + " ".join(f"0x{byte:02x}," for byte in data[at : at + 16]))
        print("};")
    print("\n#endif")


main()
