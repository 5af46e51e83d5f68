import type { Command } from 'commander'
import type { Explanation, Finding } from '../../client/client.ts'
import { CommandError, EXIT } from '../exit.ts'
import { bytes, columns, time } from '../format.ts'
import { styled, type Text } from '../output.ts'
import { sessionOf } from '../session.ts'

export function addExplain(program: Command): void {
  program
    .command('explain')
    .summary('show which backends hold a name, and what a read of it would do')
    .description(
      'Asks every backend for a name, opens no body and changes nothing. Exit code 3 if no backend has it.',
    )
    .argument('<name>', 'name of the object')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage explain photos/harbour.jpg
  fallback-storage explain photos/harbour.jpg --json | jq .migration.state`,
    )
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, output } = sessionOf(command)
      const told = await client.explain(name)
      if (output.json) output.record(told)
      else for (const line of explained(told)) output.line(line)
      if (told.would_serve === null) throw new CommandError(EXIT.no)
    })
}

function explained({ name, would_serve: server, tombstone, migration, backends }: Explanation): Text[] {
  const served =
    server === null ? styled('red', 'not served by any backend') : styled('green', `served by ${server}`)
  const { last_copy: copy } = migration
  const rows = backends.map((backend) => [
    `  ${backend.name}`,
    backend.type,
    backend.result,
    backend.latency_ms === undefined ? '' : `${backend.latency_ms} ms`,
    aboutOf(backend),
  ])
  return [
    [`${name}: `, served],
    ...(tombstone ? [`deleted ${time(tombstone.deleted_time)} (tombstone in ${tombstone.backend})`] : []),
    `migration: ${migration.state}${migration.target === null ? '' : ` → ${migration.target}`} (${migration.reason})`,
    ...(copy
      ? [
          `last copy: ${copy.outcome} ${time(copy.time)}${copy.reason === undefined ? '' : `: ${copy.reason}`}`,
        ]
      : []),
    ...columns(rows, [3]),
  ]
}

function aboutOf({ accepts, detail, size, etag, modified_time, content_type, provenance }: Finding): string {
  if (!accepts) return 'its include or exclude rules this name out'
  const facts = [
    size === undefined ? '' : bytes(size),
    content_type ?? '',
    etag ?? '',
    modified_time === undefined ? '' : time(modified_time),
    provenance ? `copied from ${provenance.backend} ${time(provenance.copied_time)}` : '',
    detail ?? '',
  ]
  return facts.filter((fact) => fact !== '').join('  ')
}
