// Runs functions behind an endpoint that is invoked as AWS Lambda is, on a machine of yours: for
// trying things out, and where there is no AWS. It knows Invoke alone, synchronous, and lets in
// whoever reaches it, so it belongs on loopback; with --verify-signatures it takes only what is
// signed with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of its environment.
//
// Usage: node lambda-endpoint.mjs [--listen HOST:PORT] [--timeout SECONDS] [--port-file FILE]
//                                 [--verify-signatures] NAME=FILE.mjs...
// FILE exports `handler(event, context)`. Each invocation is a line of JSON on standard output.
import { randomUUID } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { isSigned } from "./signature.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    listen: { type: "string", default: "127.0.0.1:9001" },
    timeout: { type: "string", default: "3" },
    "port-file": { type: "string" },
    "verify-signatures": { type: "boolean", default: false },
  },
});
const keys = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
  sessionToken: process.env.AWS_SESSION_TOKEN,
};
if (options["verify-signatures"] && !(keys.accessKeyId && keys.secretAccessKey)) {
  throw new Error("--verify-signatures needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

// Lambda's limits for what goes in and what comes out.
const bodyLimit = 6 * 1024 * 1024;
const timeout = Number(options.timeout) * 1000;
const path = /^\/2015-03-31\/functions\/([^/?]+)\/invocations(?:\?.*)?$/;

const functions = new Map();
for (const argument of positionals) {
  const [name, file] = argument.split("=", 2);
  const { handler } = await import(pathToFileURL(resolve(file)));
  functions.set(name, handler);
}

/** An answer that Lambda gives instead of the function. */
class ServiceError extends Error {
  constructor(status, type, message) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

/** The function of `NAME`, `NAME:QUALIFIER`, `ACCOUNT:function:NAME` or a whole ARN. */
const functionNamed = (text) => {
  const parts = text.split(":");
  const name = parts[parts.indexOf("function") + 1];
  const handler = functions.get(name);
  if (handler === undefined) {
    throw new ServiceError(404, "ResourceNotFoundException", `Function not found: ${text}`);
  }
  return { name, handler };
};

const bodyOf = async (request) => {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > bodyLimit) {
      throw new ServiceError(413, "RequestTooLargeException", `More than ${bodyLimit} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const eventOf = (body) => {
  try {
    return body.length === 0 ? {} : JSON.parse(body);
  } catch (error) {
    throw new ServiceError(400, "InvalidRequestContentException", error.message);
  }
};

/** What the function gives for `event`, or an error in the words of Lambda's Node runtime. */
const invoke = async ({ name, handler }, event, id) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      const seconds = (timeout / 1000).toFixed(2);
      const error = new Error(`RequestId: ${id} Error: Task timed out after ${seconds} seconds`);
      error.name = "Sandbox.Timedout";
      reject(error);
    }, timeout);
  });
  try {
    const context = { functionName: name, awsRequestId: id };
    const result = await Promise.race([handler(event, context), late]);
    return { payload: JSON.stringify(result) ?? "null" };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const body = {
      errorType: error.name,
      errorMessage: error.message,
      trace: (error.stack ?? "").split("\n"),
    };
    return { failure: error.message, payload: JSON.stringify(body) };
  } finally {
    clearTimeout(timer);
  }
};

const answer = async (request, id) => {
  const match = request.method === "POST" && path.exec(request.url);
  if (!match) {
    throw new ServiceError(404, "UnknownOperationException", "POST an invocation");
  }
  const body = await bodyOf(request);
  if (options["verify-signatures"] && !isSigned(request, body, keys)) {
    throw new ServiceError(403, "InvalidSignatureException", "The signature is not the right one");
  }
  const called = functionNamed(decodeURIComponent(match[1]));
  const type = request.headers["x-amz-invocation-type"] ?? "RequestResponse";
  if (type !== "RequestResponse") {
    throw new ServiceError(400, "InvalidParameterValueException", `${type} is not known here`);
  }
  const { payload, failure } = await invoke(called, eventOf(body), id);
  const headers = { "Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST" };
  if (failure !== undefined) headers["X-Amz-Function-Error"] = "Unhandled";
  return { name: called.name, status: 200, headers, payload, failure };
};

const server = createServer(async (request, response) => {
  const id = randomUUID();
  let outcome;
  try {
    outcome = await answer(request, id);
  } catch (error) {
    const known = error instanceof ServiceError;
    outcome = {
      status: known ? error.status : 500,
      headers: {
        "Content-Type": "application/json",
        "x-amzn-ErrorType": known ? error.type : "ServiceException",
      },
      payload: JSON.stringify({ Type: known ? "User" : "Service", Message: error.message }),
      failure: error.message,
    };
  }
  const { name, status, headers, payload, failure } = outcome;
  console.log(JSON.stringify({ function: name, status, failure }));
  response.writeHead(status, {
    ...headers,
    "Content-Length": Buffer.byteLength(payload),
    "x-amzn-RequestId": id,
  });
  response.end(payload);
});

// Longer than the gateway keeps idle connections, so that it never asks on one that is closing.
server.keepAliveTimeout = 65_000;
const colon = options.listen.lastIndexOf(":");
const host = options.listen.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
server.listen(Number(options.listen.slice(colon + 1)), host, async () => {
  const { port } = server.address();
  console.log(JSON.stringify({ listening: `${host}:${port}`, functions: [...functions.keys()] }));
  const file = options["port-file"];
  if (file === undefined) return;
  await writeFile(`${file}.new`, String(port));
  await rename(`${file}.new`, file);
});
