// What a request says by its headers, read once. Judges nothing.

/** A request of whatever framework. `url` is absolute. */
export interface RequestLike {
  method: string;
  url: string;
  headers: Headers | Record<string, string | string[] | undefined>;
}

/** A request as `authenticateRequest` sees it. */
export interface Said {
  method: string;
  /** Where the request came to, as browsers see it. */
  origin: string;
  /** From `/` on, with the query as it was sent. */
  target: string;
  bearer: string | null;
  cookies: Map<string, string>;
  /** GET and HEAD change nothing. */
  isSafe: boolean;
  /** Whether a browser opens it as a page. */
  isPage: boolean;
  site: string | null;
  destination: string | null;
  from: string | null;
  referer: string | null;
}

/** Null where the host is none. */
export function read(request: RequestLike, trustProxy: boolean): Said | null {
  const header = (name: string): string | null => {
    const { headers } = request;
    if (headers instanceof Headers) return headers.get(name);
    const value = headers[name] ?? headers[Object.keys(headers).find((key) => key.toLowerCase() === name) ?? ""];
    return (Array.isArray(value) ? value.join(name === "cookie" ? "; " : ", ") : value) ?? null;
  };
  // Anybody can write these. Behind a proxy it is the proxy that did.
  const forwarded = (name: string) => (trustProxy ? header(name)?.split(",")[0]?.trim() || null : null);

  const given = new URL(request.url);
  const host = forwarded("x-forwarded-host") ?? header("host") ?? given.host;
  const scheme = forwarded("x-forwarded-proto") ?? forwarded("cloudfront-forwarded-proto") ?? given.protocol.replace(":", "");
  if (!/^[\w.-]+(:\d+)?$|^\[[\da-f:.]+\](:\d+)?$/i.test(host) || !/^https?$/.test(scheme)) return null;

  const method = request.method.toUpperCase();
  const destination = header("sec-fetch-dest");
  const asksForHtml = (header("accept") ?? "").includes("text/html") && header("user-agent") !== null;
  return {
    method,
    origin: new URL(`${scheme}://${host}`).origin,
    target: given.pathname + given.search,
    bearer: /^bearer +(\S+) *$/i.exec(header("authorization") ?? "")?.[1] ?? null,
    cookies: cookiesOf(header("cookie") ?? ""),
    isSafe: method === "GET" || method === "HEAD",
    isPage: method === "GET" && (destination === null ? asksForHtml : destination === "document"),
    site: header("sec-fetch-site"),
    destination,
    from: header("origin"),
    referer: header("referer"),
  };
}

/** The first of a name counts: browsers send the one with the longest path first. An empty one is as good as none. */
function cookiesOf(header: string): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of header.split(";")) {
    const [name = "", ...rest] = pair.split("=");
    const value = rest.join("=").trim();
    if (value !== "" && !cookies.has(name.trim())) cookies.set(name.trim(), value);
  }
  return cookies;
}
