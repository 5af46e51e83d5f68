import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { showChecks } from '../checks.ts'
import { checkFile } from './doctor.ts'
import { CommandError, EXIT, usageError } from '../errors.ts'
import { workerIn } from '../packaged-worker.ts'
import { type Io, type Local, type WithSession, withLocal } from '../session.ts'
import { runWrangler } from '../wrangler.ts'

interface DeployOptions {
  config?: string
  env?: string
  dryRun?: boolean
}

export function addDeploy(program: Command, _: WithSession, io: Io): void {
  program
    .command('deploy')
    .summary('check the configuration, and deploy the Worker')
    .description(
      'Runs the checks of `doctor --config`, and `wrangler deploy` unless one of them failed. Warnings do not stop it.\n' +
        'To deploy in spite of a failed check, run `npx wrangler deploy` itself.',
    )
    .argument('[options...]', 'options of `wrangler deploy`, e.g. --message "New bucket"')
    .option('-c, --config <file>', "the configuration file (default: the folder's wrangler.toml)")
    .option('-e, --env <name>', 'an environment of the file, e.g. staging (or CLOUDFLARE_ENV)')
    .option('--dry-run', 'check and build everything, but deploy nothing')
    .allowUnknownOption()
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage deploy --dry-run
  fallback-storage deploy --env staging
  fallback-storage deploy --message "Add the old bucket"`,
    )
    .action(withLocal(io, deploy))
}

async function deploy({ output, io }: Local, options: string[], given: DeployOptions): Promise<void> {
  if (output.json)
    throw usageError('deploy prints what wrangler prints; use doctor --config --json for the checks')
  const { config, env = io.env['CLOUDFLARE_ENV'], dryRun = false } = given
  if (!(await showChecks(checkFile(config, env), output)))
    throw new CommandError(EXIT.failed, 'not deployed: a check failed, see ✗ above')
  const folder = mkdtempSync(join(tmpdir(), 'fallback-storage-'))
  const report = join(folder, 'wrangler.ndjson')
  try {
    const code = await runWrangler(
      [
        'deploy',
        ...workerIn(config),
        '--env',
        // The top level, whatever other environments there are.
        env ?? '',
        ...(dryRun ? ['--dry-run'] : []),
        ...options,
      ],
      { env: { ...io.env, WRANGLER_OUTPUT_FILE_PATH: report } },
    )
    if (code !== 0) throw new CommandError(code === EXIT.interrupted ? code : EXIT.failed)
    if (dryRun) output.note('Nothing was deployed.')
    else output.print(...deployed(readReport(report), { env, path: await mediaPath(config, env) }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What wrangler reports of a deployment in WRANGLER_OUTPUT_FILE_PATH. */
interface Report {
  version_id?: string | null
  /** `https://….workers.dev`, `media.example.com (custom domain)`, `example.com/media/* (zone name: …)`, queues and times. */
  targets?: string[]
}

function readReport(path: string): Report {
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  const entries = lines.map((line) => JSON.parse(line) as Report & { type: string })
  return entries.find(({ type }) => type === 'deploy') ?? {}
}

async function mediaPath(file: string | undefined, environment: string | undefined): Promise<string> {
  const { readConfigFile } = await import('../check-config/config-file.ts')
  const { MEDIA_PATH: path } = readConfigFile({ file, environment }).config.vars
  return typeof path === 'string' && path !== '' ? path : '/'
}

function deployed(
  { version_id: version, targets = [] }: Report,
  { env, path }: { env: string | undefined; path: string },
): string[] {
  const urls = targets.flatMap((target) => {
    const [, host] = /^(?:https:\/\/)?([\w.-]+\.[a-z]{2,}(?:\/\S*)?)(?: \(|$)/.exec(target) ?? []
    return host === undefined ? [] : [new URL(path, `https://${host}`).href]
  })
  return [
    '',
    ...urls.flatMap((url) => [`Media:      ${url}`, `Dashboard:  ${url}-/`]),
    `Check it:   fallback-storage doctor --url ${urls[0] ?? 'URL'}`,
    `Go back:    npx wrangler rollback${env === undefined ? '' : ` --env ${env}`}${version ? `   (this is version ${version})` : ''}`,
  ]
}
