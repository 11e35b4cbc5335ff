// The GraphQL API behind app.jsx. PostGraphile makes it of the database, and the database says who sees what (schema.sql).
//   npm install @attache/client jose postgraphile@4
//   DATABASE_URL=postgres://… ATTACHE_URL=https://attache.example.com PAGE_ORIGIN=https://app.example.com node api.mjs
import http from "node:http";
import { verifyToken } from "@attache/client/node";
import { postgraphile } from "postgraphile";

const { DATABASE_URL, ATTACHE_URL, ATTACHE_INTERNAL_URL, PAGE_ORIGIN, PORT = "5000" } = process.env;

const trusted = {
  // Where this server reads the keys, if it cannot reach the public address.
  url: ATTACHE_INTERNAL_URL ?? ATTACHE_URL,
  issuer: ATTACHE_URL,
  // What the template says. So no token that was made for something else is good here.
  audience: "https://api.example.com/graphql",
  authorizedParties: [PAGE_ORIGIN],
};

const answer = postgraphile(DATABASE_URL, "public", {
  pgSettings: ({ claims }) => ({ role: claims["x-hasura-default-role"], "hasura.user": JSON.stringify(claims) }),
});

async function serve(request, response) {
  response.setHeader("Access-Control-Allow-Origin", PAGE_ORIGIN);
  response.setHeader("Access-Control-Allow-Headers", "authorization, content-type");
  response.setHeader("Vary", "Origin");
  if (request.method === "OPTIONS") return response.writeHead(204).end();
  try {
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    request.claims = (await verifyToken(token, trusted))["https://hasura.io/jwt/claims"];
  } catch (error) {
    // Without the keys nothing is known about the token.
    const status = error.code === "keys_unavailable" ? 503 : 401;
    return response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify({ errors: [{ message: error.message }] }));
  }
  return answer(request, response);
}

http.createServer(serve).listen(Number(PORT), "127.0.0.1");
