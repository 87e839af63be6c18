// A program on the AWS SDK for JavaScript v3: node stream_user.mjs URL STREAM ACCESS SECRET HTTP
// It prints what it found as one line of JSON. HTTP is "1.1", or "2" for the SDK as it comes.
import {
  CreateStreamCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient,
  ListShardsCommand, ListStreamsCommand, PutRecordCommand, PutRecordsCommand,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const [endpoint, StreamName, accessKeyId, secretAccessKey, http] = process.argv.slice(2);
const kinesis = new KinesisClient({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId, secretAccessKey },
  maxAttempts: 1,
  ...(http === "1.1" ? { requestHandler: new NodeHttpHandler() } : {}),
});

await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
const { StreamNames } = await kinesis.send(new ListStreamsCommand({}));
const Data = new TextEncoder().encode('{"index":1,"title":"日😀"}');
const put = await kinesis.send(new PutRecordCommand({ StreamName, Data, PartitionKey: "k" }));
const Records = [2, 3].map((index) => ({
  Data: new TextEncoder().encode(JSON.stringify({ index })), PartitionKey: "k",
}));
const puts = await kinesis.send(new PutRecordsCommand({ StreamName, Records }));
const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName }));
const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand({
  StreamName, ShardId: Shards[0].ShardId, ShardIteratorType: "TRIM_HORIZON",
}));
const got = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
const refused = await kinesis
  .send(new PutRecordCommand({ StreamName: "none.such", Data, PartitionKey: "k" }))
  .catch((error) => error.name);
console.log(JSON.stringify({
  streams: StreamNames,
  sequence: put.SequenceNumber,
  failed: puts.FailedRecordCount,
  records: got.Records.map((record) => new TextDecoder().decode(record.Data)),
  first: got.Records[0].SequenceNumber,
  refused,
}));
