import type * as Wrangler from 'wrangler'
import { type BindingKind, type Env, KINDS } from '../../config/bindings.ts'

export type WranglerConfig = Wrangler.Unstable_Config

/** The sections of the file that bind something that the Worker recognises, and the names in them. */
const SECTIONS: Record<
  string,
  { kind: BindingKind; names: (config: WranglerConfig) => (string | undefined)[] }
> = {
  r2_buckets: { kind: 'r2', names: (config) => config.r2_buckets.map(({ binding }) => binding) },
  kv_namespaces: { kind: 'kv', names: (config) => config.kv_namespaces.map(({ binding }) => binding) },
  services: { kind: 'fetcher', names: (config) => (config.services ?? []).map(({ binding }) => binding) },
  assets: { kind: 'fetcher', names: (config) => [config.assets?.binding] },
  queues: { kind: 'queue', names: ({ queues }) => (queues.producers ?? []).map(({ binding }) => binding) },
  durable_objects: {
    kind: 'durableObject',
    names: (config) => config.durable_objects.bindings.map(({ name }) => name),
  },
  analytics_engine_datasets: {
    kind: 'analytics',
    names: (config) => config.analytics_engine_datasets.map(({ binding }) => binding),
  },
  ratelimits: { kind: 'rateLimiter', names: (config) => config.ratelimits.map(({ name }) => name) },
}

/** The section of each binding, by its name. */
export function boundNames(config: WranglerConfig): Record<string, string> {
  return Object.fromEntries(
    Object.entries(SECTIONS).flatMap(([section, { names }]) =>
      names(config).flatMap((name) => (name === undefined ? [] : [[name, section]])),
    ),
  )
}

/** Objects that pass for the bindings of the file when the configuration is checked. */
export function standIns(config: WranglerConfig): Env {
  return Object.fromEntries(
    Object.entries(boundNames(config)).map(([name, section]) => [name, standIn(SECTIONS[section]!.kind)]),
  )
}

function standIn(kind: BindingKind): object {
  return Object.fromEntries(KINDS[kind].methods.map((method) => [method, () => undefined]))
}
