/** The origins whose pages may read responses: all, or those listed. */
export type AllowedOrigins = '*' | readonly string[]

const EXPOSED = [
  'Accept-Ranges',
  'Cache-Control',
  'Cache-Status',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Expires',
  'Last-Modified',
  'Location',
  'Retry-After',
  'Server-Timing',
  // For user metadata, whose names are not known here. Browsers honour it in requests without credentials.
  '*',
].join(', ')

const REQUEST_HEADERS = [
  'Authorization',
  'Cache-Control',
  'Content-Digest',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'Content-MD5',
  'Content-Type',
  'Expires',
  'If-Match',
  'If-Modified-Since',
  'If-None-Match',
  'If-Range',
  'If-Unmodified-Since',
  'Range',
  'Repr-Digest',
]
/** Longest list of requested headers that is answered; metadata may have 2 KB. */
const MAX_REQUESTED = 4096
/** Metadata, checksums, and what SDKs of S3 send. */
const OPEN_ENDED = /^(?:x-amz|amz-sdk)-[!#$%&'*+\-.^_`|~0-9a-z]+(?<!-)$/i

/** The headers that let pages of other origins read a response; to be appended to every one. */
export function corsHeaders(origin: string | null, allowed: AllowedOrigins): Record<string, string> {
  // The response depends on Origin, so caches must know that even if this origin is not allowed.
  const vary = allowed === '*' ? {} : { Vary: 'Origin' }
  const permitted = permit(origin, allowed)
  if (permitted === null) return vary
  return {
    ...vary,
    'Access-Control-Allow-Origin': permitted,
    'Access-Control-Expose-Headers': EXPOSED,
    'Timing-Allow-Origin': permitted,
  }
}

/** The response to OPTIONS: what a preflight needs in addition to `corsHeaders`, which are added to every response. */
export function optionsResponse(
  request: Request,
  allowed: AllowedOrigins | null,
  methods: readonly string[],
): Response {
  const headers = new Headers({ Allow: methods.join(', ') })
  if (allowed !== null) headers.set('Vary', 'Access-Control-Request-Method, Access-Control-Request-Headers')
  if (allowed !== null && permit(request.headers.get('Origin'), allowed) !== null) {
    const requested = request.headers.get('Access-Control-Request-Headers') ?? ''
    const openEnded = (requested.length > MAX_REQUESTED ? '' : requested)
      .split(',')
      .map((name) => name.trim())
      .filter((name) => OPEN_ENDED.test(name))
    headers.set('Access-Control-Allow-Methods', methods.join(', '))
    headers.set('Access-Control-Allow-Headers', [...REQUEST_HEADERS, ...openEnded].join(', '))
    headers.set('Access-Control-Max-Age', '86400')
  }
  return new Response(null, { status: 204, headers })
}

function permit(origin: string | null, allowed: AllowedOrigins): string | null {
  if (allowed === '*') return '*'
  return origin !== null && allowed.includes(origin) ? origin : null
}
