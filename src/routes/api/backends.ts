// oxlint-disable-next-line no-restricted-imports -- pure: it redacts the configuration that the deployment hands over
import { describeBackends, hostWarnings } from '../../config/config.ts'
import type { LatestCopy } from '../../observe/counts.ts'
import { type Backend, type BackendHealth, isListable, isWritable } from '../../storage/backend.ts'
import { explain, type Finding } from '../../chain/explain.ts'
import { prometheusText } from '../../observe/prometheus.ts'
import type { Finding as FindingJson } from '../../schemas/answers.ts'
import type { Handlers } from '../context.ts'
import { lastFallbackRead } from './series.ts'

/** For operators: the chain's configuration, explanations of reads, health and counters. */
export const operatorHandlers = {
  async listBackends(c) {
    const { deployment } = c.var
    const { chain, config, health } = deployment
    const described = describeBackends(config)
    const backends = chain.backends.map((backend, index) => {
      const healthOf = health.get(backend.name)
      const speculative = chain.speculation?.counts.get(backend.name)
      return {
        name: backend.name,
        type: backend.type,
        role: roleOf(backend, index),
        writable: isWritable(backend),
        methods: methodsOf(backend),
        ...(healthOf && { health: toHealthJson(healthOf()) }),
        ...(speculative && {
          speculative: { used: speculative.used, not_needed: speculative.notNeeded },
        }),
        config: described.find(({ name }) => name === backend.name) ?? null,
      }
    })
    const { migration, deletes } = config
    const warnings = hostWarnings(config, c.req.url)
    return { backends, migration, deletes, warnings, ...(await lastFallbackRead(deployment)) }
  },
  async explain(c, { name }) {
    const { chain, config, migration } = c.var.deployment
    const lastCopy = migration.counts.latest(name)
    const explained = await explain(chain, name, config.migration)
    const { wouldServe, tombstone, findings, speculation } = explained
    const { state, target, reason } = explained.migration
    return {
      name,
      would_serve: wouldServe?.backend.name ?? null,
      tombstone: tombstone && {
        backend: tombstone.backend,
        deleted_time: tombstone.deleted?.toISOString() ?? null,
      },
      migration: {
        enabled: config.migration,
        state,
        target: target?.name ?? null,
        reason,
        ...(lastCopy && { last_copy: toCopyJson(lastCopy) }),
      },
      ...(speculation && {
        speculation: {
          miss_rate: speculation.missRate,
          starts: speculation.starts.map((backend) => backend.name),
        },
      }),
      backends: findings.map(toFindingJson),
    }
  },
  health: () => ({ status: 'ok' as const }),
  metrics(c) {
    const { requests, migration, health, chain } = c.var.deployment
    const speculative = chain.speculation?.counts ?? new Map()
    return c.text(prometheusText({ requests, copies: migration.counts, health, speculative }))
  },
} satisfies Partial<Handlers>

function roleOf({ mirror }: Backend, index: number): 'primary' | 'fallback' | 'mirror' {
  if (index === 0) return 'primary'
  return mirror ? 'mirror' : 'fallback'
}

/** The storage methods that a backend supports. */
function methodsOf(backend: Backend): string[] {
  return [
    'open',
    'exists',
    'size',
    'modified_time',
    // No backend records when an object was read.
    ...(/^(r2|kv)$/.test(backend.type) ? ['created_time'] : []),
    ...(isWritable(backend) ? ['save', 'delete', 'get_valid_name', 'get_available_name'] : []),
    ...(isListable(backend) ? ['listdir'] : []),
    ...(backend.url ? ['url'] : []),
    ...(backend.path ? ['path'] : []),
  ]
}

function toHealthJson({ state, failures, recentErrors, latency }: BackendHealth) {
  const errors = recentErrors.map(({ at, code, detail }) => ({ at: at.toISOString(), error: code, detail }))
  return { state, failures, recent_errors: errors, ...(latency && { latency_ms: latency }) }
}

/** What this isolate knows about the name's latest copy. */
function toCopyJson({ outcome, reason, at }: LatestCopy) {
  return { outcome, time: at.toISOString(), ...(reason !== undefined && { reason }) }
}

function toFindingJson({ backend, accepts, result, detail, latency, info }: Finding): FindingJson {
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
