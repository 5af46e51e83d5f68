import { Icon } from './icon.tsx'

/** In place of a view that the session may not see. `children` begins the sentence, e.g. “Backfills need”. */
export function NeedsAdmin({ children }: { children: string }) {
  return (
    <p class="notice tone-idle">
      <Icon name="key-round" /> {children} a token with the scope “admin”.
    </p>
  )
}
