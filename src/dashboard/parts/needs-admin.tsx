import { Icon } from '../../parts/icon.tsx'

export function NeedsAdmin() {
  return (
    <p class="notice tone-idle">
      <Icon name="key-round" /> Backfills and verifications need a token with the scope “admin”.
    </p>
  )
}
