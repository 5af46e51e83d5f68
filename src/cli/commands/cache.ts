import type { Command } from 'commander'
import { InvalidRequestError } from '../../client/client.ts'
import { count } from '../output.ts'
import type { Session, WithSession } from '../session.ts'

export function addCache(program: Command, withSession: WithSession): void {
  const cache = program
    .command('cache')
    .summary('purge the edge cache')
    .description('The edge cache answers reads without asking a backend (MEDIA_EDGE_CACHE_SECONDS).')
  cache
    .command('purge')
    .description(
      'Removes names from the edge cache, and prints how far that reaches.\n' +
        'PUT, save, delete and undelete do so themselves: this is for changes behind the Worker’s back.',
    )
    .argument('[names...]', 'names of the objects')
    .option('--prefix <prefix>', 'all names that begin with this; needs Workers Cache')
    .addHelpText(
      'after',
      '\nExamples:\n  fallback-storage cache purge photos/harbour.jpg\n  fallback-storage cache purge --prefix photos/',
    )
    .action(withSession(purge))
}

/** That one request takes. */
const MAX_NAMES = 100

async function purge(
  { client, output }: Session,
  names: string[],
  { prefix }: { prefix?: string },
): Promise<void> {
  if ((names.length === 0) === (prefix === undefined))
    throw new InvalidRequestError('give either names or --prefix')
  const targets =
    prefix === undefined
      ? Array.from({ length: Math.ceil(names.length / MAX_NAMES) }, (_, page) => ({
          names: names.slice(page * MAX_NAMES, (page + 1) * MAX_NAMES),
        }))
      : [{ prefix }]
  for (const target of targets) {
    const purged = await client.purgeCache(target)
    const what = prefix === undefined ? count(purged.names?.length ?? 0) : `all of "${prefix}"`
    output.list([purged], () => [`${what} purged, ${REACH[purged.reach]}`])
  }
}

const REACH = {
  everywhere: 'everywhere',
  'this location':
    'only in the location of Cloudflare that answered: others follow within MEDIA_EDGE_CACHE_SECONDS',
}
