import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { CommandError, usageError } from '../errors.ts'
import { workerIn } from '../packaged-worker.ts'
import { type Io, type Local, type WithSession, withLocal } from '../session.ts'
import { runWrangler } from '../wrangler.ts'

interface DevOptions {
  config?: string
  env?: string
  cwd?: string
}

export function addDev(program: Command, _: WithSession, io: Io): void {
  program
    .command('dev')
    .summary('run the Worker on this machine')
    .description(
      'Runs the Worker of the project in this folder with `wrangler dev`, which simulates R2 and KV, and prints\n' +
        'the address of its dashboard. All options of `wrangler dev` can be given.',
    )
    .argument('[options...]', 'options of `wrangler dev`, e.g. --port 8788')
    .option('-c, --config <file>', "the configuration file (default: the folder's wrangler.toml)")
    .option('-e, --env <name>', 'an environment of the file, e.g. staging (or CLOUDFLARE_ENV)')
    .option('--cwd <folder>', 'the folder of the project')
    .allowUnknownOption()
    .addHelpText(
      'after',
      `
Examples:
  npx fallback-storage dev
  npx fallback-storage dev --port 8788`,
    )
    .action(withLocal(io, dev))
}

async function dev(
  { output, io }: Local,
  options: string[],
  { config, env, cwd }: DevOptions,
): Promise<void> {
  if (cwd !== undefined) process.chdir(cwd)
  const isProject = ['wrangler.toml', 'wrangler.json', 'wrangler.jsonc'].some((name) => existsSync(name))
  if (!isProject && config === undefined)
    throw usageError('there is no wrangler.toml in this folder. `fallback-storage init` writes one')
  const { readDevConfig } = await import('../check-config/config-file.ts')
  const { vars, protocol } = readDevConfig({ file: config, environment: env ?? io.env['CLOUDFLARE_ENV'] })
  const [, scheme = protocol] = /--local-protocol[ =](https?)\b/.exec(options.join(' ')) ?? []
  const code = await runWrangler(
    ['dev', ...workerIn(config), ...(env === undefined ? [] : ['--env', env]), ...options],
    {
      env: io.env,
      onReady: (host) => output.note(`Dashboard: ${new URL(dashboard(vars), `${scheme}://${host}`).href}`),
    },
  )
  if (code !== 0) throw new CommandError(code)
}

/** Its path, which signs in with the token of .dev.vars. */
function dashboard({ MEDIA_PATH: path, API_TOKEN: token }: Record<string, unknown>): string {
  const base = typeof path === 'string' && path !== '' ? path : '/'
  return `${base}-/${typeof token === 'string' && token !== '' ? `#token=${encodeURIComponent(token)}` : ''}`
}
