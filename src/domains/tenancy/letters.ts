import type { Mail } from '../../mail/mail.ts';
import type { Subject } from '../../mail/postbox.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services } from '../services.ts';
import { productName, supportEmail } from './setting-keys.ts';
import { settingsLately } from './setting-values.ts';

/** Posts a letter in the running transaction as the postbox does, signed with what the product is called in the unit's organization, and where questions go. */
export const postLetter = async (
  unit: UnitOfWork,
  services: Pick<Services, 'mail' | 'settings' | 'settingKeys' | 'settingMemory' | 'log'>,
  mail: Mail,
  about?: Subject,
): Promise<void> => {
  const settings = await settingsLately({ unit, services }, {});
  const questions = settings.of(supportEmail);
  const signature = [settings.of(productName), ...(questions === null ? [] : [`Questions? Write to ${questions}`])];
  await services.mail.post(unit, { ...mail, text: `${mail.text}\n${signature.join('\n')}\n` }, about);
};
