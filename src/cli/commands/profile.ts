import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { mediaBase } from '../../client/client.ts'
import { usageError } from '../errors.ts'
import type { Output } from '../output.ts'
import { checkProfileName, type Profile, profileOf, readProfiles, writeProfiles } from '../profiles.ts'
import { type Io, type Local, withLocal, type WithSession } from '../session.ts'

export function addProfile(program: Command, _: WithSession, io: Io): void {
  const profile = program
    .command('profile')
    .summary('name deployments, and choose the one that commands use')
    .description(
      'A profile is a name for the URL and the token of a deployment. Every command accepts --profile NAME.',
    )
  profile
    .command('add')
    .description(
      'Adds a profile with the URL of --url, and says where its token comes from. The first profile becomes the current one.',
    )
    .argument('<new-name>', 'name of the profile')
    .option('--with-token', 'read the token from standard input and store it, readable only by you')
    .option('--token-env <variable>', 'environment variable that holds the token')
    .option('--token-command <command>', 'command that prints the token, e.g. of a password manager')
    .option('--replace', 'replace the profile of that name')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage profile add production --url https://media.example.com/ --with-token < token
  fallback-storage profile add staging --url https://staging.example.com/ --token-env STAGING_TOKEN
  fallback-storage profile add production --url https://media.example.com/ --token-command 'pass show media'`,
    )
    .action(withLocal(io, add))
  profile
    .command('ls')
    .description('Lists the profiles. The current one is marked with *.')
    .addHelpText('after', '\nExample:\n  fallback-storage profile ls')
    .action(withLocal(io, list))
  profile
    .command('use')
    .description('Makes a profile the current one, which commands use if nothing else names a deployment.')
    .argument('<profile>', 'name of the profile')
    .addHelpText('after', '\nExample:\n  fallback-storage profile use staging')
    .action(withLocal(io, use))
  profile
    .command('rm')
    .description('Removes a profile and its stored token.')
    .argument('<profile>', 'name of the profile')
    .addHelpText('after', '\nExample:\n  fallback-storage profile rm staging')
    .action(withLocal(io, remove))
}

interface AddOptions {
  withToken?: boolean
  tokenEnv?: string
  tokenCommand?: string
  replace?: boolean
}

async function add({ io, output, globals }: Local, name: string, options: AddOptions): Promise<void> {
  const { url, tokenFile } = globals
  const { withToken, tokenEnv, tokenCommand, replace = false } = options
  checkProfileName(name)
  if (url === undefined) throw usageError('give the URL of the deployment with --url')
  if ([withToken, tokenFile, tokenEnv, tokenCommand].filter(Boolean).length > 1)
    throw usageError('--with-token, --token-file, --token-env and --token-command exclude each other')
  const config = readProfiles(io.env)
  if (!replace && Object.hasOwn(config.profiles, name))
    throw usageError(`there is a profile "${name}" already: give --replace to replace it`)
  const token = withToken ? (await text(io.stdin)).trim() : undefined
  if (token === '') throw usageError('--with-token: there is no token on standard input')
  const added: Profile = {
    url: mediaBase(url),
    ...(token !== undefined && { token }),
    ...(tokenFile !== undefined && { token_file: resolve(tokenFile) }),
    ...(tokenEnv !== undefined && { token_env: tokenEnv }),
    ...(tokenCommand !== undefined && { token_command: tokenCommand }),
  }
  const current = config.current ?? name
  const file = writeProfiles(io.env, { current, profiles: { ...config.profiles, [name]: added } })
  report(output, described(name, added, current), `added ${name} to ${file}`)
}

function list({ io, output }: Local): void {
  const { current, profiles } = readProfiles(io.env)
  const found = Object.entries(profiles).map(([name, profile]) => described(name, profile, current))
  if (found.length === 0) output.note('no profiles yet: see fallback-storage profile add --help')
  output.list(found, () => [
    {
      rows: found.map(({ name, url, token, current: is }) => [
        is ? '*' : '',
        name,
        url,
        `token: ${token ?? 'none'}`,
      ]),
    },
  ])
}

function use({ io, output }: Local, name: string): void {
  const config = readProfiles(io.env)
  const profile = profileOf(config, name)
  writeProfiles(io.env, { ...config, current: name })
  report(output, described(name, profile, name), `commands now use ${name}: ${profile.url}`)
}

function remove({ io, output }: Local, name: string): void {
  const { current, profiles } = readProfiles(io.env)
  profileOf({ profiles }, name)
  const { [name]: _, ...left } = profiles
  writeProfiles(io.env, { ...(current !== name && current !== undefined && { current }), profiles: left })
  report(output, { name, removed: true }, `removed ${name}`)
}

/** What is shown of a profile: never its token. */
function described(name: string, profile: Profile, current: string | undefined) {
  const kinds = { token: 'stored', token_file: 'file', token_env: 'env', token_command: 'command' } as const
  const [, token = null] = Object.entries(kinds).find(([key]) => key in profile) ?? []
  return { name, url: profile.url, token, current: name === current }
}

function report(output: Output, record: object, note: string): void {
  if (output.json) output.record(record)
  else output.note(note)
}
