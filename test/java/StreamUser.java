import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.*;

/**
 * What a Java program does with a stream, by the AWS SDK for Java with its defaults (so in CBOR).
 * Every answer is checked; the first that is wrong ends the program with a status of 1. What
 * another client can check too is printed, a name and a value a line.
 *
 * <p>usage: java -cp 'JARS/*' StreamUser.java ENDPOINT STREAM ACCESS_KEY SECRET_KEY
 */
final class StreamUser {
    private static final byte[] ALL_BYTES = new byte[256];
    private static final String KEY = "schlüssel \u65e5\ud83d\ude00";
    private static final String MIDDLE = "170141183460469231731687303715884105728";

    private final KinesisClient kinesis;
    private final KinesisAsyncClient subscriber;
    private final String stream;
    private final Set<String> sentTypes = new TreeSet<>();
    private final Set<String> answeredTypes = new TreeSet<>();

    private StreamUser(String endpoint, String stream, String accessKey, String secretKey) {
        ExecutionInterceptor types = new ExecutionInterceptor() {
            @Override
            public void afterTransmission(
                    Context.AfterTransmission context, ExecutionAttributes attributes) {
                context.httpRequest().firstMatchingHeader("Content-Type").ifPresent(sentTypes::add);
                context.httpResponse()
                        .firstMatchingHeader("Content-Type")
                        .ifPresent(answeredTypes::add);
            }
        };
        StaticCredentialsProvider credentials =
                StaticCredentialsProvider.create(AwsBasicCredentials.create(accessKey, secretKey));
        this.stream = stream;
        this.subscriber = KinesisAsyncClient.builder()
                .endpointOverride(URI.create(endpoint))
                .region(Region.EU_WEST_1)
                .credentialsProvider(credentials)
                .httpClientBuilder(NettyNioAsyncHttpClient.builder().protocol(Protocol.HTTP1_1))
                .build();
        this.kinesis = KinesisClient.builder()
                .endpointOverride(URI.create(endpoint))
                .region(Region.EU_WEST_1)
                .credentialsProvider(credentials)
                .httpClientBuilder(UrlConnectionHttpClient.builder())
                .overrideConfiguration(c -> c.addExecutionInterceptor(types))
                .build();
    }

    private static void check(Object got, Object wanted, String what) {
        if (!got.equals(wanted)) {
            throw new IllegalStateException(what + ": got " + got + ", wanted " + wanted);
        }
    }

    private static void print(String name, Object value) {
        System.out.println(name + " " + value);
    }

    private static List<String> texts(GetRecordsResponse answer) {
        List<String> texts = new ArrayList<>();
        answer.records().forEach(record -> texts.add(record.data().asUtf8String()));
        return texts;
    }

    private GetRecordsResponse read(GetShardIteratorRequest.Builder from) {
        String iterator = kinesis.getShardIterator(from.streamName(stream).build()).shardIterator();
        return kinesis.getRecords(r -> r.shardIterator(iterator).limit(100));
    }

    private static GetShardIteratorRequest.Builder from(String shard, ShardIteratorType type) {
        return GetShardIteratorRequest.builder().shardId(shard).shardIteratorType(type);
    }

    private void create() {
        kinesis.createStream(r -> r.streamName(stream).shardCount(2).tags(Map.of("a", "ä")));
        kinesis.waiter().waitUntilStreamExists(r -> r.streamName(stream));
        StreamDescriptionSummary summary =
                kinesis.describeStreamSummary(r -> r.streamName(stream)).streamDescriptionSummary();
        check(summary.openShardCount(), 2, "open shards");
        check(summary.streamStatus(), StreamStatus.ACTIVE, "status");
        check(summary.retentionPeriodHours(), 24, "retention");
        Duration age = Duration.between(summary.streamCreationTimestamp(), Instant.now()).abs();
        check(age.toMinutes(), 0L, "age in minutes");
        List<Tag> tags = kinesis.listTagsForStream(r -> r.streamName(stream)).tags();
        check(tags.get(0).value(), "ä", "tag");
        check(kinesis.listStreams().streamNames().contains(stream), true, "is listed");
    }

    /** A record of all bytes into the upper half of the hash keys, then three, in one request. */
    private String put() {
        PutRecordResponse one = kinesis.putRecord(r -> r.streamName(stream)
                .partitionKey(KEY)
                .explicitHashKey(MIDDLE)
                .data(SdkBytes.fromByteArray(ALL_BYTES)));
        print("bytes", one.shardId() + " " + one.sequenceNumber());
        List<PutRecordsRequestEntry> entries = new ArrayList<>();
        for (String text : List.of("eins", "zwei", "")) {
            entries.add(PutRecordsRequestEntry.builder()
                    .partitionKey("k")
                    .explicitHashKey("0")
                    .data(SdkBytes.fromUtf8String(text))
                    .build());
        }
        PutRecordsResponse several = kinesis.putRecords(r -> r.streamName(stream).records(entries));
        check(several.failedRecordCount(), 0, "failed records");
        check(several.records().size(), 3, "answers");
        several.records().forEach(record -> check(record.errorCode() == null, true, "no error"));
        check(several.records().get(0).shardId().equals(one.shardId()), false, "the same shard");
        return several.records().get(1).sequenceNumber();
    }

    private void readBack(String second, Instant began) {
        List<Shard> shards = kinesis.listShards(r -> r.streamName(stream)).shards();
        check(shards.size(), 2, "shards");
        String lower = shards.get(0).shardId();
        String upper = shards.get(1).shardId();
        check(shards.get(1).hashKeyRange().startingHashKey(), MIDDLE, "start of the upper half");

        GetRecordsResponse bytes = read(from(upper, ShardIteratorType.TRIM_HORIZON));
        check(bytes.records().size(), 1, "records of the upper shard");
        byte[] data = bytes.records().get(0).data().asByteArray();
        check(Arrays.equals(data, ALL_BYTES), true, "all bytes");
        check(bytes.records().get(0).partitionKey(), KEY, "partition key");
        check(bytes.millisBehindLatest(), 0L, "milliseconds behind");

        check(texts(read(from(lower, ShardIteratorType.TRIM_HORIZON))),
                List.of("eins", "zwei", ""), "from the start");
        check(texts(read(from(lower, ShardIteratorType.AT_SEQUENCE_NUMBER)
                        .startingSequenceNumber(second))),
                List.of("zwei", ""), "at a number");
        check(texts(read(from(lower, ShardIteratorType.AFTER_SEQUENCE_NUMBER)
                        .startingSequenceNumber(second))),
                List.of(""), "after a number");
        check(texts(read(from(lower, ShardIteratorType.AT_TIMESTAMP).timestamp(began))),
                List.of("eins", "zwei", ""), "at a time");
        check(texts(read(from(lower, ShardIteratorType.LATEST))), List.of(), "latest");
    }

    /** Three records that are there, and one that comes while the subscription goes on. */
    private void subscribe() throws Exception {
        String arn = kinesis.describeStreamSummary(r -> r.streamName(stream))
                .streamDescriptionSummary().streamARN();
        String consumer = kinesis.registerStreamConsumer(r -> r.streamARN(arn).consumerName("java"))
                .consumer().consumerARN();
        String lower = kinesis.listShards(r -> r.streamName(stream)).shards().get(0).shardId();
        BlockingQueue<String> got = new LinkedBlockingQueue<>();
        CompletableFuture<Void> subscription = subscriber.subscribeToShard(
                r -> r.consumerARN(consumer)
                        .shardId(lower)
                        .startingPosition(p -> p.type(ShardIteratorType.TRIM_HORIZON)),
                SubscribeToShardResponseHandler.builder()
                        .onError(error -> got.add("error: " + error))
                        .subscriber(SubscribeToShardResponseHandler.Visitor.builder()
                                .onSubscribeToShardEvent(event -> event.records().forEach(
                                        record -> got.add(record.data().asUtf8String())))
                                .build())
                        .build());
        for (String text : List.of("eins", "zwei", "")) {
            check(String.valueOf(got.poll(30, TimeUnit.SECONDS)), text, "of the subscription");
        }
        kinesis.putRecord(r -> r.streamName(stream)
                .partitionKey("k")
                .explicitHashKey("0")
                .data(SdkBytes.fromUtf8String("vier")));
        check(String.valueOf(got.poll(30, TimeUnit.SECONDS)), "vier", "of the subscription");
        subscription.cancel(true);
        subscriber.close();
    }

    private void split() {
        Shard lower = kinesis.listShards(r -> r.streamName(stream)).shards().get(0);
        kinesis.splitShard(r -> r.streamName(stream)
                .shardToSplit(lower.shardId())
                .newStartingHashKey("1000"));
        kinesis.waiter().waitUntilStreamExists(r -> r.streamName(stream));
        List<Shard> shards = kinesis.listShards(r -> r.streamName(stream)).shards();
        check(shards.size(), 4, "shards after the split");
        check(shards.get(3).parentShardId(), lower.shardId(), "parent");
        String end = shards.get(0).sequenceNumberRange().endingSequenceNumber();
        check(end != null, true, "is closed");
        GetRecordsResponse last = read(from(lower.shardId(), ShardIteratorType.TRIM_HORIZON));
        check(last.records().size(), 4, "records of the closed shard");
        check(last.nextShardIterator() == null, true, "ends");
        check(last.childShards().size(), 2, "children");
        check(last.childShards().get(0).parentShards(), List.of(lower.shardId()), "their parents");
        check(kinesis.putRecord(r -> r.streamName(stream)
                        .partitionKey("k")
                        .explicitHashKey("999")
                        .data(SdkBytes.fromUtf8String("after"))).shardId(),
                shards.get(2).shardId(), "the first child takes what is below the split");
    }

    private void errors() {
        try {
            kinesis.describeStream(r -> r.streamName("there-is-none"));
            throw new IllegalStateException("a stream that is not there was described");
        } catch (ResourceNotFoundException e) {
            check(e.statusCode(), 400, "status of an unknown stream");
            check(e.awsErrorDetails().errorMessage(),
                    "Stream there-is-none under account 000000000000 not found.", "message");
            check(e.requestId() != null, true, "has a request id");
        }
        try {
            kinesis.putRecord(r -> r.streamName(stream)
                    .partitionKey("k".repeat(257))
                    .data(SdkBytes.fromUtf8String("x")));
            throw new IllegalStateException("a partition key of 257 characters was taken");
        } catch (KinesisException e) {
            check(e.awsErrorDetails().errorCode(), "ValidationException", "code of a long key");
        }
        try {
            kinesis.createStream(r -> r.streamName(stream).shardCount(1));
            throw new IllegalStateException("a stream was created twice");
        } catch (ResourceInUseException e) {
            check(e.statusCode(), 400, "status of a stream that is there");
        }
    }

    public static void main(String[] args) throws Exception {
        for (int i = 0; i < ALL_BYTES.length; i++) {
            ALL_BYTES[i] = (byte) i;
        }
        StreamUser user = new StreamUser(args[0], args[1], args[2], args[3]);
        Instant began = Instant.now().minusSeconds(60);
        user.create();
        String second = user.put();
        print("second", second);
        user.readBack(second, began);
        user.subscribe();
        user.split();
        user.errors();
        print("sent", String.join(",", user.sentTypes));
        print("answered", String.join(",", user.answeredTypes));
    }
}
