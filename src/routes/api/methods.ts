import type { Context } from 'hono'
import type { Chain } from '../../chain/fallback.ts'
import { ABSENT } from '../../http/problem.ts'
import { exists, existsAll, path, size, time, type TimeKind, url } from '../../methods/methods.ts'
import { availableName, save } from '../../methods/save.ts'
import { validName } from '../../methods/names.ts'
import { MAX_ANONYMOUS_NAMES, MAX_NAMES } from '../../schemas/requests.ts'
import { StorageError } from '../../storage/errors.ts'
import { checkName } from '../../storage/name.ts'
import type { AppEnv, Handlers } from '../context.ts'
import { finish } from '../finish.ts'
import { serveMedia, uploadFrom } from '../media.ts'

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
  exists: async (c, { name }) => ({ name, exists: await exists(chainOf(c), name) }),
  async existsAll(c, { body: { names } }) {
    if (!c.var.identity && names.length > MAX_ANONYMOUS_NAMES) throw tooManyNames(c, names.length)
    for (const name of names) checkName(name)
    return { exists: Object.fromEntries(await existsAll(chainOf(c), names)) }
  },
  size: async (c, { name }) => ({ name, size: found(name, await size(chainOf(c), name)) }),
  accessedTime: async (c, { name }) => ({ name, accessed_time: await timeOf(c, name, 'accessed') }),
  createdTime: async (c, { name }) => ({ name, created_time: await timeOf(c, name, 'created') }),
  modifiedTime: async (c, { name }) => ({ name, modified_time: await timeOf(c, name, 'modified') }),
  async url(c, { name, query: { expires_in: expiresIn } }) {
    const { config } = c.var.deployment
    const base = config.mediaUrl ?? new URL(c.req.url).origin + config.mediaPath
    const options = { base, migrating: config.migration, ...(expiresIn !== undefined && { expiresIn }) }
    return { name, url: await url(chainOf(c), name, options) }
  },
  getValidName: (_, { name }) => ({ name, valid_name: validName(name) }),
  getAvailableName: async (c, { name }) => ({ name, available_name: await availableName(chainOf(c), name) }),
  path: (c, { name }) => ({ name, path: path(chainOf(c), name) }),
} satisfies Partial<Handlers>

function chainOf(c: Context<AppEnv>): Chain {
  return c.var.deployment.chain
}

function tooManyNames(c: Context<AppEnv>, count: number): StorageError {
  const isConfigured = c.var.deployment.config.tokens.length > 0
  const way = isConfigured
    ? 'send the token (Authorization: Bearer …)'
    : 'set a token with npx wrangler secret put API_TOKEN and send it (Authorization: Bearer …)'
  return new StorageError(
    'invalid',
    `names: a request without a token may ask for ${MAX_ANONYMOUS_NAMES} names at most, and this one asks for ${count}; ${way} to ask for up to ${MAX_NAMES}`,
  )
}

async function timeOf(c: Context<AppEnv>, name: string, kind: TimeKind): Promise<string> {
  return found(name, await time(chainOf(c), name, kind)).toISOString()
}

function found<T>(name: string, answer: T | null): T {
  if (answer === null) throw new StorageError('absent', ABSENT.detail, { name })
  return answer
}
