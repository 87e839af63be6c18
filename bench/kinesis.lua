-- wrk's requests to a Kinesis API: PutRecord with 900 bytes of data (1,200 in base64), or, with
-- RECORDS in the environment, PutRecords of so many. The signature is none: no server here checks
-- it. The last line of the output is the result as JSON.
local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local data = {}
for i = 0, 1199 do
    local k = (i * 37) % 64 + 1
    data[#data + 1] = letters:sub(k, k)
end
local text = table.concat(data)
local many = tonumber(os.getenv("RECORDS") or "1")

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-amz-json-1.1"
wrk.headers["X-Amz-Date"] = os.date("!%Y%m%dT%H%M%SZ")
wrk.headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" .. os.date("!%Y%m%d")
    .. "/us-east-1/kinesis/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target,"
    .. " Signature=" .. string.rep("0", 64)
if many == 1 then
    wrk.headers["X-Amz-Target"] = "Kinesis_20131202.PutRecord"
    wrk.body = '{"StreamName":"bench","PartitionKey":"test_pin","Data":"' .. text .. '"}'
else
    local records = {}
    for i = 1, many do
        records[i] = '{"PartitionKey":"key-' .. i .. '","Data":"' .. text .. '"}'
    end
    wrk.headers["X-Amz-Target"] = "Kinesis_20131202.PutRecords"
    wrk.body = '{"StreamName":"bench","Records":[' .. table.concat(records, ",") .. "]}"
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '{"rps":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"requests":%d,"failed":%d,"bytes":%d}\n',
        summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3,
        summary.requests,
        errors.status + errors.connect + errors.read + errors.write + errors.timeout,
        #wrk.body
    ))
end
