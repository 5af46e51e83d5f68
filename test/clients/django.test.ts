import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLegacyOrigin, type LegacyOrigin } from '../../demo/legacy-origin.ts'
import { startSite, TOKEN, type Site, type SiteOptions } from '../kit/worker/site.ts'

/** The Python package with its tests, and the Django project that uses it. */
const PACKAGE = fileURLToPath(new URL('../../python', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../../examples/django', import.meta.url))
const MODULES = readdirSync(`${PACKAGE}/tests`).filter((file) => file.startsWith('test_'))
/** Debian's python3-django, unless another Python that has Django is given. */
const PYTHON = process.env['DJANGO_PYTHON'] ?? '/usr/bin/python3'

const LEGACY_KEY = { access_key_id: 'legacy', secret_access_key: 'legacy-secret-key', scopes: ['read'] }
const PRIMARY = { type: 'r2', binding: 'MEDIA' }

let sites: Record<string, Site> = {}
let origin: LegacyOrigin

beforeAll(async () => {
  const single = { storages: [PRIMARY] }
  const legacy = await start({
    ...single,
    vars: { S3_BUCKET: 'legacy', S3_KEYS: JSON.stringify([LEGACY_KEY]) },
  })
  sites = { legacy }
  const chain = {
    storages: [
      PRIMARY,
      { type: 's3', name: 'legacy', endpoint: `${legacy.url}-/s3`, bucket: 'legacy', credentials: 'LEGACY' },
    ],
    vars: {
      LEGACY_ACCESS_KEY_ID: LEGACY_KEY.access_key_id,
      LEGACY_SECRET_ACCESS_KEY: LEGACY_KEY.secret_access_key,
    },
  }
  origin = await startLegacyOrigin()
  const started = Object.entries({
    single,
    // As django-fallback-storage does it.
    original: {
      ...chain,
      vars: { ...chain.vars, FALLBACK_DATA_MIGRATION: 'false', FALLBACK_DELETES: 'first' },
    },
    moving: chain,
    demo: { storages: [PRIMARY, { type: 'http', name: 'legacy', url: origin.url }] },
    failing: { storages: [PRIMARY, { type: 'http', name: 'down', url: 'http://127.0.0.1:1/' }] },
    private: {
      ...single,
      vars: {
        MEDIA_ACCESS: 'signed',
        URL_SIGNING_KEYS: JSON.stringify([{ id: '2026-11', key: TOKEN.repeat(4) }]),
        API_TOKENS: JSON.stringify([{ name: 'reader', token: 'reader-of-the-media', scopes: ['read'] }]),
      },
    },
  }).map(async ([name, options]) => [name, await start(options)] as const)
  // Those that have started are stopped even if another has not.
  for (const result of await Promise.allSettled(started)) {
    if (result.status === 'rejected') throw result.reason
    const [name, site] = result.value
    sites[name] = site
  }
})

afterAll(async () => {
  for (const site of Object.values(sites)) await site.close()
  await origin?.close()
})

function start(options: SiteOptions): Promise<Site> {
  return startSite({ ...options, direct: true })
}

/** The report of `django test`. Throws it if a test fails. */
async function test(cwd: string, ...options: string[]): Promise<string> {
  const workers = Object.entries(sites).map(([name, { url }]) => [name, { base_url: url, token: TOKEN }])
  const env = {
    ...process.env,
    PYTHONPATH: PACKAGE,
    PYTHONDONTWRITEBYTECODE: '1',
    MEDIA_WORKER_URL: sites['demo']?.url,
    MEDIA_WORKER_TOKEN: TOKEN,
    WORKERS: JSON.stringify(Object.fromEntries(workers)),
    LC_ALL: 'C.UTF-8',
  }
  const args = ['-W', 'default::ResourceWarning', '-m', 'django', 'test', ...options]
  const { stderr } = await promisify(execFile)(PYTHON, args, { cwd, env, timeout: 110_000 }).catch(
    (error: { stdout: string; stderr: string }) => {
      throw new Error(`${args.join(' ')}:\n${error.stdout}${error.stderr}`)
    },
  )
  return stderr
}

const PASSED = /^Ran [1-9]\d* tests? in .*\n\nOK/m
/** A connection or a file that was not closed. */
const LEAK = 'ResourceWarning'

describe('the Django storage', () => {
  it.each(MODULES)('passes %s', { timeout: 120_000 }, async (file) => {
    const module = `tests.${file.replace(/\.py$/, '')}`
    const report = await test(PACKAGE, module, '--settings', 'tests.settings')
    expect(report).toMatch(PASSED)
    expect(report).not.toContain(LEAK)
  })

  it('serves the example project', { timeout: 120_000 }, async () => {
    const report = await test(EXAMPLE, '--settings', 'gallery.settings')
    expect(report).toMatch(PASSED)
    expect(report).not.toContain(LEAK)
  })
})
