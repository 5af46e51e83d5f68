import { rawPath } from '../http/raw-path.ts'
import { DISPOSITION, MAX_EXPIRY } from '../schemas/requests.ts'
import type { Authentication } from './identity.ts'
import { fromBase64url, hmac, hmacHolds, importHmacKey, toBase64url } from '../storage/hmac.ts'
import { encodeComponent } from '../storage/name.ts'

/** A shared secret for signing URLs; the id, which is part of each URL, says which key has signed it. */
export interface SigningKey {
  id: string
  key: string
}

/** What a URL with a valid signature allows: to read the name in its path. */
export interface SignedUrl {
  /** The key that signed it. */
  keyId: string
  /** Replaces the object's own Content-Disposition. */
  contentDisposition?: string
}

const VERSION = 'fallback-storage-url-v1'
/** In seconds: the clock of whoever signs may be ahead. */
const CLOCK_SKEW = 60
/** There is one way to write each query, so that a URL that is not exactly what was signed is refused. */
const QUERY =
  /^[^?#]*\?expires=([1-9]\d{0,11})&key=([\w-]{1,32})&signature=([\w-]{43})(?:&response-content-disposition=([^&#]+))?$/

export type UrlSigner = ReturnType<typeof createUrlSigner>

/** Signs with the first key and verifies with all. Each key is imported once. */
export function createUrlSigner(keys: readonly [SigningKey, ...SigningKey[]]) {
  const secrets = new Map(keys.map(({ id, key }) => [id, key]))
  const imported = new Map<string, CryptoKey>()
  const importKey = async (id: string, secret: string): Promise<CryptoKey> => {
    const known = imported.get(id)
    if (known) return known
    const key = await importHmacKey(secret)
    imported.set(id, key)
    return key
  }

  return {
    /** The query that lets anyone read the raw path until then, in seconds since 1970. */
    async sign(
      path: string,
      { expires, contentDisposition }: { expires: number; contentDisposition?: string | undefined },
    ): Promise<string> {
      const [{ id, key: secret }] = keys
      const disposition = encodeComponent(contentDisposition ?? '')
      const message = messageOf({ path, expires: `${expires}`, id, disposition })
      const signature = toBase64url(await hmac(await importKey(id, secret), message))
      const query = `?expires=${expires}&key=${id}&signature=${signature}`
      return disposition === '' ? query : `${query}&response-content-disposition=${disposition}`
    },

    /** What the URL allows at this time (in milliseconds), or `null`. */
    async verify(url: string, now: number): Promise<SignedUrl | null> {
      const [match, expires = '', id = '', signature = '', disposition = ''] = QUERY.exec(url) ?? []
      const secret = secrets.get(id)
      if (match === undefined || secret === undefined) return null
      const seconds = Math.floor(now / 1000)
      if (Number(expires) <= seconds || Number(expires) > seconds + MAX_EXPIRY + CLOCK_SKEW) return null
      const mac = fromBase64url(signature)
      const message = messageOf({ path: rawPath(url), expires, id, disposition })
      if (!mac || !(await hmacHolds(await importKey(id, secret), mac, message))) return null
      if (disposition === '') return { keyId: id }
      const contentDisposition = new URLSearchParams(`value=${disposition}`).get('value') ?? ''
      return DISPOSITION.test(contentDisposition) ? { keyId: id, contentDisposition } : null
    },
  }
}

/** Signs in with a signed URL. */
export function signedUrl(signer: UrlSigner): (request: Request) => Promise<Authentication> {
  return async ({ url }) => {
    const signed = await signer.verify(url, Date.now())
    return signed && { name: signed.keyId, scope: 'read', via: 'signed-url' }
  }
}

/** Path and disposition are signed as they are sent, percent-encoded, so neither can contain a line break. */
function messageOf({
  path,
  expires,
  id,
  disposition,
}: Record<'path' | 'expires' | 'id' | 'disposition', string>): string {
  return [VERSION, 'read', path, expires, id, disposition].join('\n')
}
