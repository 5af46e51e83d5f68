import { Hono } from 'hono/tiny'
import { StorageError } from '../../storage/errors.ts'
import { listTombstones, purgeTombstones, undelete } from '../../chain/tombstones.ts'
import { cursorKey } from './listing.ts'
import { jsonBy, nameIn, queryBy } from './request.ts'
import { purgeBody, tombstonesQuery } from './schemas.ts'
import { requireToken } from '../auth.ts'
import type { AppEnv } from '../context.ts'
import { notAllowed } from '../not-allowed.ts'

/** What was deleted: listed, brought back, or forgotten where nothing can bring it back. */
export function tombstoneRoutes() {
  const routes = new Hono<AppEnv>()
    .get('/tombstones', requireToken, async (c) => {
      const { prefix, ...page } = queryBy(c, tombstonesQuery)
      const { chain } = c.var.deployment
      const listed = await listTombstones(chain, { ...page, prefix, cursorKey: cursorKey(c) })
      const tombstones = listed.tombstones.map(({ name, deleted }) => ({
        name,
        deleted_time: deleted?.toISOString() ?? null,
      }))
      return c.json({ prefix, tombstones, cursor: listed.cursor })
    })
    .post('/tombstones/purge', requireToken, async (c) => {
      const { prefix, dry_run: dryRun, limit, cursor } = await jsonBy(c, purgeBody)
      const query = { prefix, dryRun, limit, cursorKey: cursorKey(c), ...(cursor !== null && { cursor }) }
      const { purged, kept, cursor: next } = await purgeTombstones(c.var.deployment.chain, query)
      const examined = purged.length + kept.length
      return c.json({
        dry_run: dryRun,
        examined,
        purged: purged.length,
        kept: kept.length,
        names: purged,
        cursor: next,
      })
    })
    .post('/undelete/:name{[^]*}', requireToken, async (c) => {
      const name = nameIn(c, 'undelete')
      const result = await undelete(c.var.deployment.chain, name)
      if (!result) throw new StorageError('absent', 'the name is not deleted', { name })
      const { restored } = result
      return c.json({ name, restored: restored !== null, backend: restored?.backend ?? null })
    })
  routes.all('/tombstones', notAllowed('GET, HEAD'))
  routes.all('/tombstones/purge', notAllowed('POST'))
  routes.all('/undelete/:name{[^]*}', notAllowed('POST'))
  return routes
}
