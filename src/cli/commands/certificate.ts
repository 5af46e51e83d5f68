import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { CommandError, EXIT, usageError } from '../errors.ts'
import { styled } from '../output.ts'
import type { Session, WithSession } from '../session.ts'

export function addCertificate(program: Command, withSession: WithSession): void {
  program
    .command('certificate')
    .summary('check a certificate of verify --certificate')
    .command('check')
    .summary('say whether this deployment has issued it, and whether it is unchanged')
    .description('Exit code 3 unless the certificate is valid.')
    .argument('<file>', 'the certificate, as JSON')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage verify --certificate certificate.json
  fallback-storage certificate check certificate.json`,
    )
    .action(withSession(check))
}

async function check({ client, output }: Session, file: string): Promise<void> {
  const result = await client.checkCertificate(parse(file, await readFile(file, 'utf8')))
  const title = result.valid ? styled('green', 'valid') : styled('red', 'not valid')
  output.list([result], () => [
    [`${file}: `, title],
    `  ${result.detail}`,
    result.current === false && '  The chain has another configuration now: verify again.',
  ])
  if (!result.valid) throw new CommandError(EXIT.no)
}

function parse(file: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // What is no JSON is no certificate either.
  }
  throw usageError(`${file} is not a certificate: write one with verify --certificate`)
}
