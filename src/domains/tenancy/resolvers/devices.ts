import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { deviceById, deviceList } from '../../identity/personal-loaders.ts';
import type { DeviceRow } from '../../identity/tables.ts';
import { approveDevice, deviceExpiry, pairDevice, renameDevice, revokeDevice, startDevicePairing } from '../devices.ts';
import { organizationById } from '../loaders.ts';

export const resolvers: Resolvers = {
  Mutation: {
    startDevicePairing: (_root, _args, context) => startDevicePairing(context),
    pairDevice: async (_root, { input }, context) => {
      const { device, secret } = await pairDevice(context, input);
      return { deviceId: globalId('Device', device.id), secret, expiresAt: deviceExpiry(device) };
    },
    approveDevice: async (_root, { input }, context) => ({ device: await approveDevice(context, input.id) }),
    updateDevice: async (_root, { input }, context) => ({ device: await renameDevice(context, input.id, input.name) }),
    revokeDevice: async (_root, { input }, context) => ({
      revokedId: globalId('Device', await revokeDevice(context, input.id)),
    }),
  },
  ViewerInfo: {
    devices: (_viewer, args, { unit }) => deviceList<DeviceRow>(unit, args),
  },
  Device: {
    approved: ({ approvedAt }) => approvedAt !== null,
    expiresAt: (device) => deviceExpiry(device),
    organization: ({ organizationId }, _args, { unit }) =>
      found('Organization', organizationId, organizationById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Device: deviceById };
