import { Hono } from 'hono/tiny'
// oxlint-disable-next-line no-restricted-imports -- pure: it redacts the configuration that the deployment hands over
import { describeBackends, hostWarnings } from '../../config/config.ts'
// oxlint-disable-next-line no-restricted-imports -- pure: it looks at the configuration that the deployment hands over
import type { LatestCopy } from '../../observe/counts.ts'
import { type Backend, type BackendHealth, isListable, isWritable } from '../../storage/backend.ts'
import { explain, type Finding } from '../../chain/explain.ts'
import { nameIn } from './request.ts'
import { requireToken } from '../auth.ts'
import type { AppEnv } from '../context.ts'
import { notAllowed } from '../not-allowed.ts'

/** What an operator asks: how the chain is made, and what it does with one name. */
export function backendRoutes() {
  const routes = new Hono<AppEnv>()
    .get('/backends', requireToken, (c) => {
      const { chain, config, health } = c.var.deployment
      const described = describeBackends(config)
      const backends = chain.backends.map((backend, index) => {
        const healthOf = health.get(backend.name)
        return {
          name: backend.name,
          type: backend.type,
          role: index === 0 ? 'primary' : 'fallback',
          writable: isWritable(backend),
          methods: methodsOf(backend),
          ...(healthOf && { health: toHealthJson(healthOf()) }),
          config: described.find(({ name }) => name === backend.name) ?? null,
        }
      })
      const warnings = hostWarnings(config, c.req.url)
      return c.json({ backends, migration: config.migration, deletes: config.deletes, warnings })
    })
    .get('/explain/:name{[^]*}', requireToken, async (c) => {
      const name = nameIn(c, 'explain')
      const { chain, config, migration } = c.var.deployment
      const lastCopy = migration.counts.latest(name)
      const told = await explain(chain, name, config.migration)
      return c.json({
        name,
        would_serve: told.wouldServe?.backend.name ?? null,
        tombstone: told.tombstone && {
          backend: told.tombstone.backend,
          deleted_time: told.tombstone.deleted?.toISOString() ?? null,
        },
        migration: {
          enabled: config.migration,
          state: told.migration.state,
          target: told.migration.target?.name ?? null,
          reason: told.migration.reason,
          ...(lastCopy && { last_copy: toCopyJson(lastCopy) }),
        },
        backends: told.findings.map(toFindingJson),
      })
    })
  routes.all('/backends', notAllowed('GET, HEAD'))
  routes.all('/explain/:name{[^]*}', notAllowed('GET, HEAD'))
  return routes
}

/** The storage methods that a backend can answer. */
function methodsOf(backend: Backend): string[] {
  return [
    'open',
    'exists',
    'size',
    'modified_time',
    ...(isWritable(backend) ? ['save', 'delete', 'get_valid_name', 'get_available_name'] : []),
    ...(isListable(backend) ? ['listdir'] : []),
    ...(backend.url ? ['url'] : []),
    ...(backend.path ? ['path'] : []),
  ]
}

function toHealthJson({ state, failures, recentErrors, latency }: BackendHealth) {
  return {
    state,
    failures,
    recent_errors: recentErrors.map(({ at, code, detail }) => ({
      at: at.toISOString(),
      error: code,
      detail,
    })),
    ...(latency && { latency_ms: latency }),
  }
}

/** What this isolate saw of the name's latest copy. */
function toCopyJson({ outcome, reason, at }: LatestCopy) {
  return { outcome, time: at.toISOString(), ...(reason !== undefined && { reason }) }
}

function toFindingJson({ backend, accepts, result, detail, latency, info }: Finding) {
  const { size, etag, modified, version, contentType, provenance, deleted } = info ?? {}
  return {
    name: backend.name,
    type: backend.type,
    accepts,
    result,
    ...(detail !== undefined && { detail }),
    ...(latency !== undefined && { latency_ms: Math.round(latency * 10) / 10 }),
    ...(size !== undefined && deleted === undefined && { size }),
    ...(etag !== undefined && deleted === undefined && { etag }),
    ...(modified && { modified_time: modified.toISOString() }),
    ...(contentType !== undefined && { content_type: contentType }),
    ...(version !== undefined && { version }),
    ...(deleted && { deleted_time: deleted.toISOString() }),
    ...(provenance && {
      provenance: {
        backend: provenance.backend,
        etag: provenance.etag ?? null,
        modified_time: provenance.modified?.toISOString() ?? null,
        copied_time: provenance.copied.toISOString(),
      },
    }),
  }
}
