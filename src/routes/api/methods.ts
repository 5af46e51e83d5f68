import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import { ABSENT } from '../../http/problem.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import { checkName } from '../../storage/name.ts'
import { exists, existsAll, path, size, time, type TimeKind, url } from '../../methods/methods.ts'
import { availableName, save } from '../../methods/save.ts'
import { validName } from '../../methods/names.ts'
import { jsonBy, nameIn, queryBy } from './request.ts'
import { existsBody, MAX_ANONYMOUS_NAMES, MAX_NAMES, urlQuery } from './schemas.ts'
import { allowToken, requireToken } from '../auth.ts'
import type { AppEnv } from '../context.ts'
import { finish } from '../finish.ts'
import { serveMedia } from '../media.ts'
import { notAllowed } from '../not-allowed.ts'
import { uploadFrom } from '../upload-request.ts'

/** A route for each storage method of the Django original, but for listdir. */
export function methodRoutes() {
  const routes = new Hono<AppEnv>()
    .get('/open/:name{[^]*}', (c) => {
      const name = nameIn(c, 'open')
      c.set('name', name)
      return serveMedia(c, name)
    })
    .post('/save/:name{[^]*}', requireToken, async (c) => {
      const wanted = nameIn(c, 'save')
      const { body, options } = uploadFrom(c.req.raw, wanted, c.var.deployment.config)
      const { name } = await finish(save(chainOf(c), wanted, body, options))
      return c.json({ name }, 201)
    })
    .delete('/delete/:name{[^]*}', requireToken, async (c) => {
      await c.var.deployment.chain.delete(nameIn(c, 'delete'))
      return c.body(null, 204)
    })
    .get('/exists/:name{[^]*}', async (c) => {
      const name = nameIn(c, 'exists')
      return c.json({ name, exists: await exists(chainOf(c), name) })
    })
    .post('/exists', allowToken, async (c) => {
      const { names } = await jsonBy(c, existsBody)
      const chain = chainOf(c)
      if (!c.var.authorized && names.length > MAX_ANONYMOUS_NAMES) throw tooManyNames(c, names.length)
      for (const name of names) checkName(name)
      return c.json({ exists: Object.fromEntries(await existsAll(chain, names)) })
    })
    .get('/size/:name{[^]*}', async (c) => {
      const name = nameIn(c, 'size')
      return c.json({ name, size: held(name, await size(chainOf(c), name)) })
    })
    .get('/accessed_time/:name{[^]*}', async (c) => {
      const { name, told } = await timeOf(c, 'accessed')
      return c.json({ name, accessed_time: told })
    })
    .get('/created_time/:name{[^]*}', async (c) => {
      const { name, told } = await timeOf(c, 'created')
      return c.json({ name, created_time: told })
    })
    .get('/modified_time/:name{[^]*}', async (c) => {
      const { name, told } = await timeOf(c, 'modified')
      return c.json({ name, modified_time: told })
    })
    .get('/url/:name{[^]*}', async (c) => {
      const name = nameIn(c, 'url')
      const { expires_in: expiresIn } = queryBy(c, urlQuery)
      const { config } = c.var.deployment
      const base = config.mediaUrl ?? new URL(c.req.url).origin + config.mediaPath
      const options = { base, migrating: config.migration, ...(expiresIn !== undefined && { expiresIn }) }
      return c.json({ name, url: await url(chainOf(c), name, options) })
    })
    .get('/get_valid_name/:name{[^]*}', (c) => {
      const name = nameIn(c, 'get_valid_name')
      return c.json({ name, valid_name: validName(name) })
    })
    .get('/get_available_name/:name{[^]*}', async (c) => {
      const name = nameIn(c, 'get_available_name')
      return c.json({ name, available_name: await availableName(chainOf(c), name) })
    })
    .get('/path/:name{[^]*}', requireToken, (c) => {
      const name = nameIn(c, 'path')
      return c.json({ name, path: path(c.var.deployment.chain, name) })
    })
  refuseOthers(routes)
  return routes
}

const READING =
  'open exists size accessed_time created_time modified_time url get_valid_name get_available_name path'

function refuseOthers(routes: Hono<AppEnv>): void {
  routes.all('/exists', notAllowed('POST'))
  routes.all('/save/:name{[^]*}', notAllowed('POST'))
  routes.all('/delete/:name{[^]*}', notAllowed('DELETE'))
  for (const method of READING.split(' ')) routes.all(`/${method}/:name{[^]*}`, notAllowed('GET, HEAD'))
}

function chainOf(c: Context<AppEnv>): Chain {
  return c.var.deployment.chain
}

function tooManyNames(c: Context<AppEnv>, count: number): StorageError {
  const isConfigured = c.var.deployment.config.apiToken !== undefined
  const way = isConfigured
    ? 'send the token (Authorization: Bearer …)'
    : 'set a token with npx wrangler secret put API_TOKEN and send it (Authorization: Bearer …)'
  return new StorageError(
    'invalid',
    `names: a request without a token may ask for ${MAX_ANONYMOUS_NAMES} names at most, and this one asks for ${count}; ${way} to ask for up to ${MAX_NAMES}`,
  )
}

async function timeOf(c: Context<AppEnv>, kind: TimeKind): Promise<{ name: string; told: string }> {
  const name = nameIn(c, `${kind}_time`)
  const date = held(name, await time(chainOf(c), name, kind))
  return { name, told: date.toISOString() }
}

function held<T>(name: string, answer: T | null): T {
  if (answer === null) throw new StorageError('absent', ABSENT.detail, { name })
  return answer
}
