import type { Context } from 'hono'
import type { UrlSigner } from '../../access/signed-url.ts'
import type { Chain } from '../../chain/fallback.ts'
import type { Deployment } from '../../deployment.ts'
import { ABSENT } from '../../http/problem.ts'
import { exists, existsAll } from '../../methods/exists.ts'
import { path, size, time, type TimeKind, url } from '../../methods/methods.ts'
import { availableName, save } from '../../methods/save.ts'
import { validName } from '../../methods/names.ts'
import { MAX_ANONYMOUS_NAMES, MAX_NAMES } from '../../schemas/requests.ts'
import { StorageError } from '../../storage/errors.ts'
import { checkName, encodeName } from '../../storage/name.ts'
import type { AppEnv, Handlers, Input } from '../context.ts'
import { finish } from '../finish.ts'
import { serveMedia, uploadFrom } from '../media.ts'

/** The lifetime in seconds of a signed URL for which none is given, as of presigned ones. */
const DEFAULT_EXPIRY = 60 * 60

/** The storage methods of the Django original, except listdir. */
export const methodHandlers = {
  open: serveMedia,
  async save(c, { name: wanted }) {
    const { body, options } = uploadFrom(c.req.raw, wanted, c.var.deployment.config)
    const { name } = await finish(save(chainOf(c), wanted, body, options))
    return { name }
  },
  async delete(c, { name }) {
    await chainOf(c).delete(name)
    return c.body(null, 204)
  },
  exists: async (c, { name }) => ({ name, exists: name !== '' && (await exists(chainOf(c), name)) }),
  async existsAll(c, { body: { names } }) {
    if (!c.var.identity && names.length > MAX_ANONYMOUS_NAMES) throw tooManyNames(c, names.length)
    for (const [index, name] of names.entries()) {
      try {
        checkName(name)
      } catch (error) {
        if (!(error instanceof StorageError)) throw error
        throw new StorageError('invalid', `names.${index}: ${error.message}`)
      }
    }
    return { exists: Object.fromEntries(await existsAll(chainOf(c), names)) }
  },
  size: async (c, { name }) => ({ name, size: found(name, await size(chainOf(c), name)) }),
  accessedTime: async (c, { name }) => ({ name, accessed_time: await timeOf(c, name, 'accessed') }),
  createdTime: async (c, { name }) => ({ name, created_time: await timeOf(c, name, 'created') }),
  modifiedTime: async (c, { name }) => ({ name, modified_time: await timeOf(c, name, 'modified') }),
  async url(c, { name, query }) {
    const { deployment } = c.var
    const { mediaUrl, mediaPath } = deployment.config
    const { expires_in: expiresIn, 'response-content-disposition': contentDisposition } = query
    const base = mediaUrl ?? new URL(c.req.url).origin + mediaPath
    const options = { base, signer: signerFor(c, query), expiresIn, contentDisposition }
    return { name, url: await urlFor(deployment, name, options) }
  },
  getValidName: (_, { name }) => ({ name, valid_name: validName(name) }),
  getAvailableName: async (c, { name }) => ({ name, available_name: await availableName(chainOf(c), name) }),
  path: (c, { name }) => ({ name, path: path(chainOf(c), name) }),
} satisfies Partial<Handlers>

interface LinkOptions {
  /** The public base of the media. */
  base: string
  /** Signs URLs of this Worker. */
  signer: UrlSigner | undefined
  expiresIn?: number | undefined
  contentDisposition?: string | undefined
}

/** Where a client can fetch the object: from a backend, or from this Worker. */
export async function urlFor(
  { chain, config }: Pick<Deployment, 'chain' | 'config'>,
  name: string,
  { base, signer, expiresIn, contentDisposition }: LinkOptions,
): Promise<string> {
  const own = base + encodeName(name)
  const options = { base, migrating: config.migration, expiresIn }
  // Other URLs would go around this Worker, which decides who may read, and adds the disposition.
  const isOwn = config.mediaAccess !== 'public' || contentDisposition !== undefined
  const found = isOwn ? own : await url(chain, name, options)
  if (!signer || found !== own) return found
  const expires = Math.floor(Date.now() / 1000) + (expiresIn ?? DEFAULT_EXPIRY)
  const path = config.mediaPath + encodeName(name)
  return own + (await signer.sign(path, { expires, contentDisposition }))
}

function chainOf(c: Context<AppEnv>): Chain {
  return c.var.deployment.chain
}

/** What signs the URL; `undefined` where it works without a signature. Throws for what only a signed URL can do. */
function signerFor(c: Context<AppEnv>, query: Input<'url'>['query']): UrlSigner | undefined {
  const { mediaAccess, urlSigner } = c.var.deployment.config
  if (mediaAccess === 'signed') return urlSigner
  const [option] = Object.keys(query)
  if (option === undefined) return undefined
  if (mediaAccess === 'token') {
    const why = 'no URLs are signed where reads need a token (MEDIA_ACCESS = "token"); leave it out'
    throw new StorageError('invalid', `${option}: ${why}`)
  }
  if (c.var.identity && urlSigner) return urlSigner
  if (query['response-content-disposition'] === undefined) return undefined
  const why = urlSigner
    ? 'needs a token with the scope "read" (Authorization: Bearer …)'
    : 'needs URL_SIGNING_KEYS; set them with: npx wrangler secret put URL_SIGNING_KEYS'
  throw new StorageError('invalid', `response-content-disposition: ${why}`)
}

function tooManyNames(c: Context<AppEnv>, count: number): StorageError {
  const isConfigured = c.var.deployment.config.tokens.length > 0
  const way = isConfigured
    ? 'send the token (Authorization: Bearer …)'
    : 'set a token with npx wrangler secret put API_TOKEN and send it (Authorization: Bearer …)'
  return new StorageError(
    'invalid',
    `names: without a token, at most ${MAX_ANONYMOUS_NAMES} names are allowed per request, not ${count}; ${way} for up to ${MAX_NAMES}`,
  )
}

async function timeOf(c: Context<AppEnv>, name: string, kind: TimeKind): Promise<string> {
  return found(name, await time(chainOf(c), name, kind)).toISOString()
}

function found<T>(name: string, answer: T | null): T {
  if (answer === null) throw new StorageError('absent', ABSENT.detail)
  return answer
}
