import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { basename } from 'node:path'
import {
  convertV4MiniflareOptions,
  Miniflare,
  type V4SharedOptions,
  type V4WorkerOptionsShape,
} from 'miniflare'
import { bundle } from '../../../bench/bundle.ts'

/** The name of the Worker in `startMiniflare`. */
export const WORKER = 'fallback-storage'

/** The Durable Objects of wrangler.toml. */
export const JOB_CLASSES = {
  BACKFILL_JOBS: { className: 'BackfillJob', useSQLite: true },
  VERIFICATION_JOBS: { className: 'VerificationJob', useSQLite: true },
  JOB_INDEX: { className: 'JobIndex', useSQLite: true },
  MIRROR_LOG: { className: 'MirrorLog', useSQLite: true },
  TIME_SERIES: { className: 'TimeSeries', useSQLite: true },
  SOURCE_CHANGES: { className: 'SourceChanges', useSQLite: true },
} as const

const bundles = new Map<string, Promise<string>>()

/** The processes that this one has started. */
const started: ChildProcess[] = []
subscribe('child_process', (message) => started.push((message as { process: ChildProcess }).process))

/** One Worker of this repository in plain Miniflare, on a free port: wrangler's own harness sends requests through Node. */
export async function startMiniflare(
  entry: string,
  worker: V4WorkerOptionsShape = {},
  shared: V4SharedOptions = {},
): Promise<{ url: string; miniflare: Miniflare; pid: number }> {
  const code = bundles.get(entry) ?? bundle(entry)
  bundles.set(entry, code)
  const script = await code
  const before = started.length
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      ...shared,
      workers: [
        {
          name: WORKER,
          modules: [{ type: 'ESModule', path: 'index.js', contents: script }],
          compatibilityDate: '2026-10-01',
          ...worker,
        },
      ],
    }),
  )
  const { href: url } = await miniflare.ready
  const workerd = started.slice(before).find(({ spawnfile }) => basename(spawnfile) === 'workerd')
  return { url, miniflare, pid: workerd?.pid ?? 0 }
}
