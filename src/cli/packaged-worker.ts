import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where a project finds this package, relative to its wrangler.toml. */
export const INSTALLED = 'node_modules/fallback-storage'

/** The Worker and its static files, in this package. */
export const WORKER = { script: 'dist/worker/index.js', assets: 'dist/assets' }

/** This package's folder. */
export const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Arguments for `wrangler dev` and `wrangler deploy` that name the Worker of this package: for a project whose
 * wrangler.toml, `config`, expects it in node_modules, where `npx` has not installed it.
 */
export function packagedWorker(config: string): string[] {
  const expects = existsSync(config) && readFileSync(config, 'utf8').includes(`"${INSTALLED}/`)
  if (!expects || existsSync(join(dirname(config), INSTALLED))) return []
  // Without --config, wrangler looks for it beside the script.
  return [join(PACKAGE, WORKER.script), '--config', config, '--assets', join(PACKAGE, WORKER.assets)]
}

/** The same with the configuration file that the user names, if any. */
export function workerIn(config: string | undefined): string[] {
  const packaged = packagedWorker(resolve(config ?? 'wrangler.toml'))
  return packaged.length > 0 || config === undefined ? packaged : ['--config', config]
}
