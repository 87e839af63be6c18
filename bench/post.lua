-- wrk's requests: one record of about 900 bytes a POST, Kafka REST v2 in the json format.
-- The last line of the output is the result as JSON.
local words = { "winter", "decor", "simple", "ideas", "for", "a", "small", "garden", "und", "café" }
local text = {}
for i = 1, 100 do
    text[i] = words[(i * 7) % #words + 1]
end
local record = string.format(
    '{"index":7528,"unique_id":"fbe53c66-3442-4773-b19e-d3ec6f54dddf","title":"%s",'
        .. '"description":"%s","follower_count":"124k","category":"mens-fashion","downloaded":1,'
        .. '"image_src":"https://i.example.com/originals/28/46/ce/2846cec5506726cd7876e421273ae7fd.jpg",'
        .. '"save_location":"Local save in /data/mens-fashion"}',
    table.concat(text, " ", 1, 9),
    table.concat(text, " ", 10, 100)
)

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/vnd.kafka.json.v2+json"
wrk.headers["Accept"] = "application/vnd.kafka.v2+json"
wrk.body = '{"records":[{"value":' .. record .. "}]}"

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
