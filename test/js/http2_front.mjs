// An HTTP/2 front of a server that speaks 1.1: node http2_front.mjs URL CERTIFICATE KEY
// As Amazon Kinesis does, it refuses SubscribeToShard over HTTP/1.1. It prints its port, then a line
// for each call: its operation and its version of HTTP.
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { createSecureServer } from "node:http2";

const [url, certificate, key] = process.argv.slice(2);
const server = createSecureServer(
  { cert: readFileSync(certificate), key: readFileSync(key), allowHTTP1: true },
  (call, answer) => {
    const operation = (call.headers["x-amz-target"] ?? "").split(".")[1];
    console.log(`${operation} ${call.httpVersion}`);
    if (operation === "SubscribeToShard" && call.httpVersion !== "2.0") {
      answer.writeHead(400, { "content-type": "application/x-amz-json-1.1" });
      answer.end('{"__type":"ValidationException","message":"HTTP/2 is required"}');
      return;
    }
    const headers = Object.fromEntries(
      Object.entries(call.headers).filter(([name]) => !name.startsWith(":")),
    );
    headers.host = call.headers[":authority"] ?? call.headers.host;
    const passed = request(url, { method: "POST", headers }, (reply) => {
      const { connection, "transfer-encoding": coding, "keep-alive": alive, ...kept } = reply.headers;
      answer.writeHead(reply.statusCode, kept);
      reply.pipe(answer);
      answer.on("close", () => reply.destroy());
      reply.on("error", () => answer.stream?.close());
    });
    passed.on("error", () => answer.stream?.close());
    call.pipe(passed);
  },
);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
