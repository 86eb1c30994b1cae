// Whether a request is signed as AWS wants it (Signature Version 4), with one pair of keys.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

const sha256 = (data) => createHash("sha256").update(data).digest("hex");
const hmac = (key, data) => createHmac("sha256", key).update(data).digest();

const credential = /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request,/;
const rest = /, *SignedHeaders=([a-z0-9;-]+), *Signature=([0-9a-f]{64})$/;
const dateTime = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const allowedSkew = 15 * 60 * 1000;

/** Percent-encodes all but RFC 3986's unreserved characters. */
const encoded = (text) =>
  encodeURIComponent(text).replace(
    /[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** Whether `stamp` is now, give or take what AWS allows. */
const isCurrent = (stamp) => {
  const time = Date.parse(stamp.replace(dateTime, "$1-$2-$3T$4:$5:$6Z"));
  return Math.abs(Date.now() - time) <= allowedSkew;
};

/**
 * @param request a request of node:http
 * @param body its bytes
 * @param keys `accessKeyId`, `secretAccessKey`, and `sessionToken` where there is one
 */
export const isSigned = (request, body, keys) => {
  const { headers } = request;
  const [, accessKeyId, date, region, service] = credential.exec(headers.authorization) ?? [];
  const [, names, signature] = rest.exec(headers.authorization) ?? [];
  const stamp = headers["x-amz-date"] ?? "";
  if (names === undefined || accessKeyId !== keys.accessKeyId) return false;
  if (!names.split(";").includes("host") || !stamp.startsWith(date)) return false;
  if (!isCurrent(stamp) || headers["x-amz-security-token"] !== keys.sessionToken) return false;
  const [path, query = ""] = request.url.split("?", 2);
  const canonical = [
    request.method,
    // What stands on the wire is encoded once more.
    path.split("/").map(encoded).join("/"),
    query.split("&").sort().join("&"),
    ...names.split(";").map((name) => `${name}:${(headers[name] ?? "").trim()}`),
    "",
    names,
    sha256(body),
  ].join("\n");
  const scope = [date, region, service, "aws4_request"];
  const text = ["AWS4-HMAC-SHA256", stamp, scope.join("/"), sha256(canonical)].join("\n");
  const key = scope.reduce(hmac, `AWS4${keys.secretAccessKey}`);
  return timingSafeEqual(hmac(key, text), Buffer.from(signature, "hex"));
};
