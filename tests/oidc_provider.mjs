// A certified OpenID provider on loopback, for the tests: node oidc_provider.mjs PACKAGES PORT CALLBACK
// POST /lie {"claims": {…}} has the next ID tokens say something else, signed with the same key; {"key": true} signs
// with another key.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

process.stdin.on("end", () => process.exit()).resume();
const [packages, port, callback] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${packages}/${name}`));
const { Provider } = await load("oidc-provider/lib/index.js");
const { SignJWT, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, importJWK } = await load("jose/dist/webapi/index.js");

const made = await generateKeyPair("RS256", { extractable: true });
const strange = await generateKeyPair("RS256", { extractable: true });
const key = { ...(await exportJWK(made.privateKey)), kid: "first", alg: "RS256", use: "sig" };
const people = {
  anna: { email: "anna@example.com", email_verified: true, name: "Anna" },
  mallory: { email: "anna@example.com", email_verified: false, name: "Mallory" },
  nobody: { email: "nobody@example.com", email_verified: true, name: "Nobody" },
};
let lie = {};

const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: "gtm", client_secret: "a secret of the tests", redirect_uris: [callback], response_types: ["code"], grant_types: ["authorization_code"] }],
  jwks: { keys: [key] },
  cookies: { keys: ["a key of the tests"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  pkce: { required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
});
provider.use(async (context, next) => {
  await next();
  if (context.path !== "/token" || !context.body?.id_token || !Object.keys(lie).length) return;
  const said = { ...decodeJwt(context.body.id_token), ...lie.claims };
  const signer = lie.key ? strange.privateKey : await importJWK(key, "RS256");
  const signed = await new SignJWT(said).setProtectedHeader(decodeProtectedHeader(context.body.id_token)).sign(signer);
  context.body = { ...context.body, id_token: signed };
});
const answer = provider.callback();
createServer((request, response) => {
  if (request.url !== "/lie") return answer(request, response);
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    lie = JSON.parse(body);
    response.end();
  });
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
