// A REQUEST authorizer for API Gateway's REST APIs: lets a client pass by its certificate, and
// tells the gateway the certificate's subject, for a header of the backend's request.
//
// Its three outcomes are those of the contract: a policy that allows, a policy that denies, and
// the error "Unauthorized". Anything else that is thrown is a failure, and refuses as well.
//
// Environment, each a JSON list of subjects such as ["CN=client2"]:
//   DENIED_SUBJECTS   get a policy that denies: 403
//   UNKNOWN_SUBJECTS  are not who they should be: 401
import { X509Certificate } from "node:crypto";

const subjects = (variable) => new Set(JSON.parse(process.env[variable] ?? "[]"));
const denied = subjects("DENIED_SUBJECTS");
const unknown = subjects("UNKNOWN_SUBJECTS");

export const handler = async (event) => {
  const { clientCertPem } = event.requestContext.identity.clientCert ?? {};
  if (clientCertPem === undefined) throw new Error("Unauthorized");
  // Node gives a subject one attribute to a line, and none for an empty one.
  const subject = new X509Certificate(clientCertPem).subject?.replaceAll("\n", ",");
  if (subject === undefined || unknown.has(subject)) throw new Error("Unauthorized");
  return {
    principalId: subject,
    context: { clientCertSub: subject },
    policyDocument: {
      Version: "2012-10-17",
      Statement: [
        {
          Action: "execute-api:Invoke",
          Effect: denied.has(subject) ? "Deny" : "Allow",
          Resource: event.methodArn,
        },
      ],
    },
  };
};
