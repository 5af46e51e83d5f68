import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import type { Command } from 'commander'
import { CommandError, usageError } from '../errors.ts'
import { packagedWorker } from '../packaged-worker.ts'
import { type Io, type Local, type WithSession, withLocal } from '../session.ts'
import { runWrangler } from '../wrangler.ts'

export function addDev(program: Command, _: WithSession, io: Io): void {
  program
    .command('dev')
    .summary('run the Worker on this machine')
    .description(
      'Runs the Worker of the project in this folder with `wrangler dev`, which simulates R2 and KV, and prints\n' +
        'the address of its dashboard. All options of `wrangler dev` can be given.',
    )
    .argument('[options...]', 'options of `wrangler dev`, e.g. --port 8788')
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

async function dev({ output, io }: Local, options: string[]): Promise<void> {
  const folder = process.cwd()
  const isProject = ['wrangler.toml', 'wrangler.json', 'wrangler.jsonc'].some((name) =>
    existsSync(join(folder, name)),
  )
  if (!isProject && !options.some((option) => /^(?:-c|--config|--cwd)(?:=|$)/.test(option)))
    throw usageError('there is no wrangler.toml in this folder. `fallback-storage init` writes one')
  const code = await runWrangler(['dev', ...packagedWorker(join(folder, 'wrangler.toml')), ...options], {
    env: io.env,
    onReady: (url) => output.note(`Dashboard: ${dashboard(url, folder)}`),
  })
  if (code !== 0) throw new CommandError(code)
}

/** Its address, which signs in with the token of .dev.vars. */
function dashboard(url: string, folder: string): string {
  const path = /^MEDIA_PATH\s*=\s*"(.*)"/m.exec(read(join(folder, 'wrangler.toml')))?.[1] ?? '/'
  const token = parseEnv(read(join(folder, '.dev.vars')))['API_TOKEN']
  return new URL(`${path}-/${token === undefined ? '' : `#token=${encodeURIComponent(token)}`}`, url).href
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}
